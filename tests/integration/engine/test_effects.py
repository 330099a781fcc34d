"""Calls of which nobody knows how they ended: what a person or the tool's check says, and what comes late."""

from typing import Any

import pytest

from apps.core import canonical
from apps.runs.models import Effect, Run, Thread, WorkerProcess
from apps.runs.services import EffectDecision, RunRequest, create_run, resolve_effect, resume_run
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, events, output, reached, steps, tool_results
from tests.integration.runs.world import end_lease, make_agent
from tests.waiting import eventually

HAPPENED, RUN, STOP = EffectDecision


def play(workspace, *names: str, then: str = "{last_tool_result}") -> Run:
    """A run whose model calls these tools at once, and then answers."""
    turn = {"tool_calls": [{"name": name, "id": f"c{n}"} for n, name in enumerate(names)]}
    make_agent(workspace, [turn, {"text": then}], tools=[{"name": name} for name in sorted(set(names))])
    return create_run(workspace.id, RunRequest(agent="docs", input="go"))


def parked(run: Run) -> Run:
    return reached(run, RunStatus.WAITING, RunStatus.FAILED, RunStatus.SUCCEEDED)


def states(run: Run) -> list[tuple[str, str]]:
    return list(Effect.objects.filter(run_id=run.id).order_by("key").values_list("tool", "state"))


def effect(**wanted: Any) -> Effect:
    return Effect.objects.get(**wanted)


def test_what_a_person_says_happened_is_the_result_and_the_tool_is_not_called(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    assert (run.status, run.stop_reason) == ("waiting", "outcome_unknown")
    resolve_effect(support.id, effect().id, decision=HAPPENED, result="paid, says the bank")
    ended(run)
    assert (run.status, output(run)) == ("succeeded", "paid, says the bank")
    assert (toolbox.calls["pay_slowly"], states(run)) == (1, [("pay_slowly", "reconciled")])
    assert steps(run) == [("model", "script", 1), ("tool", "pay_slowly", 2), ("model", "script", 2)]
    assert tool_results(run)["c0"] == {"result": "paid, says the bank", "kind": "tool_return"}


def test_what_did_not_happen_is_called_once_more(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    toolbox.gate.set()
    resolve_effect(support.id, effect().id, decision=RUN)
    ended(run)
    assert (run.status, output(run)) == ("succeeded", "paid")
    assert (toolbox.calls["pay_slowly"], states(run)) == (2, [("pay_slowly", "committed")])
    assert len(set(toolbox.keys)) == 1, "the second call has the key of the first"


def test_a_second_call_that_tells_nothing_waits_again(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    for calls in (2, 3):
        before = effect()
        resolve_effect(support.id, before.id, decision=RUN)
        eventually(lambda calls=calls: toolbox.calls["pay_slowly"] == calls)
        parked(run)
        after = effect()
        assert (after.id, after.state, after.settled_at) == (before.id, "outcome_unknown", None)
    resolve_effect(support.id, effect().id, decision=STOP)
    assert (ended(run).status, toolbox.calls["pay_slowly"]) == ("cancelled", 3)


def test_a_stopped_run_calls_nothing_more(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    resolve_effect(support.id, effect().id, decision=STOP)
    ended(run)
    assert (run.status, run.stop_reason, toolbox.calls["pay_slowly"]) == ("cancelled", "cancelled_by", 1)
    assert events(run)[-1][0] == "run.cancelled"


def test_several_are_decided_one_by_one(support, tools, host):
    run = parked(play(support, "pay_slowly", "pay_slowly", then="Done."))
    assert states(run) == [("pay_slowly", "outcome_unknown")] * 2
    first, second = Effect.objects.order_by("key")
    resolve_effect(support.id, first.id, decision=HAPPENED, result="one")
    assert Run.objects.get(id=run.id).status == "waiting"
    toolbox.gate.set()
    resolve_effect(support.id, second.id, decision=RUN)
    ended(run)
    assert (run.status, toolbox.calls["pay_slowly"]) == ("succeeded", 3)
    assert [state for _, state in states(run)] == ["reconciled", "committed"]
    assert {call: told["result"] for call, told in tool_results(run).items()} == {"c0": "one", "c1": "paid"}


def test_a_neighbour_of_a_call_with_an_unknown_end_comes_to_its_own(support, tools, host):
    """If it were cut off, a person would have to decide about it too."""
    run = play(support, "pay_slowly", "pay_late", then="Done.")
    eventually(lambda: toolbox.calls["pay_late"])
    eventually(lambda: toolbox.calls["pay_slowly"])
    eventually(lambda: Effect.objects.filter(state="intent").count() == 2)
    toolbox.gate.wait(0.5)
    toolbox.gate.set()
    parked(run)
    assert (run.status, states(run)) == ("waiting", [("pay_late", "committed"), ("pay_slowly", "outcome_unknown")])


def test_a_call_that_failed_for_certain_is_told_and_has_its_end_in_the_ledger(support, tools, host):
    run = ended(play(support, "pay_refused"))
    assert (run.status, output(run)) == ("succeeded", '{"error":"The card is blocked."}')
    assert (toolbox.calls["pay_refused"], states(run)) == (1, [("pay_refused", "failed")])


@pytest.mark.parametrize("tool", ["pay_broken", "pay_cut_off"])
def test_a_call_that_broke_has_an_unknown_end(support, tools, host, tool):
    """A connection that is lost after sending says nothing; nor does a bug behind it."""
    run = parked(play(support, tool))
    assert (run.status, run.stop_reason, states(run)) == ("waiting", "outcome_unknown", [(tool, "outcome_unknown")])
    assert toolbox.calls[tool] == 1


def test_a_result_that_breaks_its_schema_tells_of_an_effect(support, tools, host):
    run = ended(play(support, "pay_oddly"))
    assert "breaks its schema" in str(output(run))
    assert (run.status, states(run)) == ("succeeded", [("pay_oddly", "committed")])


def test_an_idempotent_call_may_say_that_it_does_not_know(support, tools, host):
    run = parked(play(support, "mail_perhaps"))
    assert (run.status, states(run)) == ("waiting", [("mail_perhaps", "outcome_unknown")])
    toolbox.gate.set()
    resolve_effect(support.id, effect().id, decision=RUN)
    ended(run)
    assert (run.status, output(run), states(run)) == ("succeeded", "sent", [("mail_perhaps", "committed")])
    assert (toolbox.calls["mail_perhaps"], len(set(toolbox.keys))) == (2, 1)


def test_an_idempotent_call_is_made_again_under_its_key_and_the_model_is_not_told_to(support, tools, host):
    run = parked(play(support, "mail_broken"))
    assert (run.status, run.model_calls, states(run)) == ("waiting", 1, [("mail_broken", "outcome_unknown")])
    assert toolbox.calls["mail_broken"] == 3
    toolbox.gate.set()
    resolve_effect(support.id, effect().id, decision=RUN)
    ended(run)
    assert (run.status, output(run), states(run)) == ("succeeded", "sent", [("mail_broken", "committed")])
    assert (toolbox.calls["mail_broken"], len(set(toolbox.keys))) == (4, 1)


def test_a_check_finds_what_the_call_did_not_tell(support, tools, host):
    toolbox.found["ship"] = "happened"
    run = ended(play(support, "ship"))
    assert (run.status, output(run)) == ("succeeded", "shipped as found")
    assert (toolbox.calls["ship"], toolbox.calls["check ship"]) == (1, 1)
    assert (states(run), effect().decided_by_kind) == ([("ship", "reconciled")], "check")
    assert toolbox.keys[0] == toolbox.keys[1], "the check knows the call by its key"


@pytest.mark.parametrize("finding", ["unknown", "did_not_happen", "odd", "raises", "hangs"])
def test_a_check_that_is_not_sure_leaves_it_to_a_person(support, tools, host, finding):
    """That a call which was cut off has not happened yet says nothing."""
    toolbox.found["ship"] = finding
    run = parked(play(support, "ship"))
    assert (run.status, states(run), toolbox.calls["ship"]) == ("waiting", [("ship", "outcome_unknown")], 1)
    assert toolbox.calls["check ship"] == 1


def left_by_a_dead_process(support, hosts, tool: str) -> Run:
    """The process died in the call, which has left no result."""
    host = hosts.start()
    run = play(support, tool)
    eventually(lambda: toolbox.calls[tool])
    hosts.stop(host)
    assert states(run) == [(tool, "outcome_unknown")]
    return run


def test_a_check_finds_what_a_dead_process_did(support, tools, hosts):
    toolbox.found["ship_late"] = "happened"
    run = left_by_a_dead_process(support, hosts, "ship_late")
    hosts.start()
    ended(run)
    assert (run.status, output(run), toolbox.calls["ship_late"]) == ("succeeded", "shipped as found", 1)
    assert states(run) == [("ship_late", "reconciled")]


def test_a_check_lets_the_call_be_made_again(support, tools, hosts):
    toolbox.found["ship_late"] = "did_not_happen"
    run = left_by_a_dead_process(support, hosts, "ship_late")
    toolbox.gate.set()
    hosts.start()
    ended(run)
    assert (run.status, output(run), toolbox.calls["ship_late"]) == ("succeeded", "shipped", 2)
    assert (states(run), effect().decided_by_kind) == ([("ship_late", "committed")], "check")


def test_a_check_may_not_know_what_a_dead_process_did(support, tools, hosts):
    toolbox.found["ship_late"] = "unknown"
    run = left_by_a_dead_process(support, hosts, "ship_late")
    hosts.start()
    parked(run)
    assert (run.status, toolbox.calls["ship_late"], toolbox.calls["check ship_late"]) == ("waiting", 1, 1)


def taken_over(support, hosts, tool: str) -> Run:
    """A run whose call is under way on a process that lost it, and which waits for a decision on another."""
    hosts.start()
    run = play(support, tool)
    eventually(lambda: toolbox.calls[tool])
    zombie = Run.objects.get(id=run.id).worker_id
    hosts.start()
    eventually(lambda: WorkerProcess.objects.count() == 2)
    end_lease(zombie)
    return parked(run)


@pytest.mark.parametrize("tool", ["pay_late", "pay_late_on_the_loop"])
def test_what_a_zombie_brings_is_refused_and_kept(support, tools, hosts, tool):
    run = taken_over(support, hosts, tool)
    assert (run.status, run.stop_reason, toolbox.calls[tool]) == ("waiting", "outcome_unknown", 1)
    before = events(run), steps(run), Run.objects.values().get()
    toolbox.gate.set()
    if tool == "pay_late":
        eventually(lambda: effect().late_result)
        assert canonical.load(effect().late_result) == {"result": "paid", "kind": "tool_return"}
    assert (events(run), steps(run), Run.objects.values().get()) == before
    assert (effect().state, effect().result) == ("outcome_unknown", None)


def test_a_process_that_does_not_know_it_lost_the_run_is_refused_by_the_fence(support, tools, hosts, settings):
    """It was stopped and came back: its lease looks good to it, and its call has just returned."""
    settings.CEF_LEASE_SECONDS = 600.0
    settings.CEF_HEARTBEAT_SECONDS = 60.0
    hosts.start()
    run = play(support, "pay_late")
    eventually(lambda: toolbox.calls["pay_late"])
    zombie = Run.objects.get(id=run.id).worker_id
    settings.CEF_HEARTBEAT_SECONDS = 0.3
    hosts.start()
    eventually(lambda: WorkerProcess.objects.count() == 2)
    end_lease(zombie)
    parked(run)
    toolbox.gate.set()
    eventually(lambda: effect().late_result)
    assert canonical.load(effect().late_result) == {"result": "paid", "kind": "tool_return"}
    assert (effect().state, toolbox.calls["pay_late"], steps(run)) == ("outcome_unknown", 1, [("model", "script", 1)])


def test_what_comes_after_a_timeout_is_kept_for_who_decides(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    toolbox.gate.set()
    eventually(lambda: effect().late_result)
    assert canonical.load(effect().late_result) == {"result": "paid", "kind": "tool_return"}
    assert (Run.objects.get(id=run.id).status, states(run)) == ("waiting", [("pay_slowly", "outcome_unknown")])


@pytest.mark.parametrize("known", [False, True])
def test_a_binding_may_say_that_repeats_are_known(support, tools, hosts, known):
    host = hosts.start()
    turn = {"tool_calls": [{"name": "send_form", "id": "c"}]}
    make_agent(support, [turn, {"text": "Done."}], tools=[{"name": "send_form", "config": {"idempotent": known}}])
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    eventually(lambda: toolbox.calls["send_form"])
    hosts.stop(host)
    hosts.start()
    parked(run)
    expected = ("succeeded", 2, []) if known else ("waiting", 1, [("send_form", "outcome_unknown")])
    assert (run.status, toolbox.calls["send_form"], states(run)) == expected
    assert len(set(toolbox.keys)) == 1


@pytest.mark.parametrize("end", ["broken", "slow"])
def test_what_a_tool_committed_is_its_result_however_it_ends(support, tools, host, end):
    turn = {"tool_calls": [{"name": "book", "args": {"end": end}, "id": "c"}]}
    make_agent(support, [turn, {"text": "{last_tool_result}"}], tools=[{"name": "book"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run)) == ("succeeded", str(Thread.objects.get().id))
    assert (states(run), toolbox.calls["book"]) == ([("book", "committed")], 1)


def test_a_refusal_after_the_commit_is_told_and_the_ledger_knows_better(support, tools, host):
    turn = {"tool_calls": [{"name": "book", "args": {"end": "refused"}, "id": "c"}]}
    make_agent(support, [turn, {"text": "{last_tool_result}"}], tools=[{"name": "book"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run)) == ("succeeded", '{"error":"Too late to say so."}')
    assert states(run) == [("book", "committed")]


def test_a_run_that_is_to_stop_does_not_wait_for_a_decision(support, tools, host):
    """The cancel comes in the call itself, and is not seen before the run would wait."""
    run = ended(play(support, "pay_cancelled"))
    assert (run.status, run.stop_reason, states(run)) == (
        "cancelled",
        "cancelled_by",
        [("pay_cancelled", "outcome_unknown")],
    )
    assert "run.waiting" not in [kind for kind, _ in events(run)]


def test_what_was_left_at_that_is_decided_when_the_run_goes_on(support, tools, host):
    run = parked(play(support, "pay_slowly"))
    Run.objects.filter(id=run.id).update(status=RunStatus.FAILED, stop_reason="deadline")
    resolve_effect(support.id, effect().id, decision=STOP)
    resume_run(support.id, run.id)
    assert (parked(run).status, run.stop_reason, toolbox.calls["pay_slowly"]) == ("waiting", "outcome_unknown", 1)
    resolve_effect(support.id, effect().id, decision=HAPPENED, result="paid after all")
    assert (ended(run).status, output(run), toolbox.calls["pay_slowly"]) == ("succeeded", "paid after all", 1)
