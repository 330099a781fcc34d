"""Tools that fail, hang, stray or change the world."""

from apps.core import canonical
from apps.runs.models import Effect, Run, Step, Thread
from apps.runs.services import RunRequest, create_run, resume_run
from apps.runs.states import RunStatus
from apps.tools.registry import _load_once
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, outcome, output, reached, steps, tool_results
from tests.integration.runs.world import make_agent
from tests.waiting import eventually


def play(workspace, name: str, *calls: dict, then: str = "{last_tool_result}", **definition) -> Run:
    """A run whose model calls the tool with these arguments at once, and then answers."""
    turn = {"tool_calls": [{"name": name, "args": args, "id": f"c{n}"} for n, args in enumerate(calls)]}
    make_agent(workspace, [turn, {"text": then}], tools=[{"name": name}], **definition)
    return create_run(workspace.id, RunRequest(agent="docs", input="go"))


def test_it_works(support, tools, host):
    run = ended(play(support, "double", {"x": 4}))
    assert (run.status, output(run), toolbox.calls) == ("succeeded", "8", {"double 4": 1})
    assert Effect.objects.count() == 0


def test_a_refusal_is_told_to_the_model_with_its_reason(support, tools, host):
    run = ended(play(support, "refuse", {"why": "too late"}))
    assert (run.status, output(run)) == ("succeeded", '{"error":"Refused: too late."}')
    assert toolbox.calls["refuse"] == 1


def test_an_unforeseen_error_is_told_without_its_words(support, tools, host):
    run = ended(play(support, "explode", {}))
    assert (run.status, output(run)) == ("succeeded", '{"error":"explode failed with RuntimeError."}')
    for step in Step.objects.filter(run_id=run.id):
        assert b"hunter2" not in bytes(step.result)


def test_a_timeout_is_told_to_the_model(support, tools, host):
    call = {"tool_calls": [{"name": "doze", "args": {}}]}
    make_agent(support, [call, {"text": "It takes too long."}], tools=[{"name": "doze"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run), toolbox.calls["doze"]) == ("succeeded", "It takes too long.", 1)


def test_wrong_arguments_are_told_and_corrected(support, tools, host):
    script = [
        {"tool_calls": [{"name": "double", "args": {"x": "many"}, "id": "wrong"}]},
        {"tool_calls": [{"name": "double", "args": {"x": 3}, "id": "right"}]},
        {"text": "{last_tool_result}"},
    ]
    make_agent(support, script, tools=[{"name": "double"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run), toolbox.calls) == ("succeeded", "6", {"double 3": 1})
    assert tool_results(run)["wrong"]["kind"] != "tool_return"


def test_a_model_that_cannot_be_corrected_fails_the_run(support, tools, host):
    script = {"turns": [{"tool_calls": [{"name": "double", "args": {"x": "many"}}]}], "repeat_last": True}
    make_agent(support, script, tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    assert outcome(run) == ("failed", "error", "model_misbehaved")
    assert toolbox.calls == {}


def test_a_tool_that_does_not_exist(support, tools, host):
    script = [{"tool_calls": [{"name": "rm_rf", "args": {}}]}, {"text": "Sorry."}]
    make_agent(support, script, tools=[{"name": "double"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run)) == ("succeeded", "Sorry.")
    assert [kind for kind, _, _ in steps(run)] == ["model", "model"]


def test_a_tool_that_says_try_again(support, tools, host):
    turn = {"tool_calls": [{"name": "later", "args": {"n": 1}}]}
    make_agent(support, [turn, turn, turn, {"text": "{last_tool_result}"}], tools=[{"name": "later"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, output(run), toolbox.calls["later"]) == ("succeeded", "now 1", 3)


def test_an_unsafe_tool_leaves_its_line_in_the_ledger(support, tools, host):
    run = ended(play(support, "pay", {"amount": 7}))
    assert (run.status, toolbox.calls) == ("succeeded", {"pay 7": 1})
    effect = Effect.objects.get()
    assert (effect.run_id, effect.tool, effect.state, effect.epoch) == (run.id, "pay", "committed", 1)
    assert (canonical.load(effect.arguments), effect.result) == ({"amount": 7}, None)
    assert tool_results(run)["c0"]["result"] == {"receipt": 7}


def test_an_idempotent_tool_gets_a_key_of_its_own_call(support, tools, host):
    run = ended(play(support, "mail", {"to": "bob"}, {"to": "eve"}))
    assert run.status == "succeeded"
    unit = "1/tool:mail"
    assert set(toolbox.keys) == {canonical.digest([str(run.id), f"{unit}/c{n}"]).hex() for n in range(2)}
    assert Effect.objects.count() == 0


def test_an_unsafe_call_whose_end_nobody_knows_waits_for_a_person(support, tools, host):
    """It timed out: the payment may have been made, so it is neither repeated nor called a failure."""
    run = reached(play(support, "pay_slowly", {}), RunStatus.WAITING, RunStatus.FAILED)
    assert (run.status, run.stop_reason) == ("waiting", "outcome_unknown")
    assert (toolbox.calls["pay_slowly"], Effect.objects.get().state) == (1, "outcome_unknown")
    assert [kind for kind, _, _ in steps(run)] == ["model"]


def test_an_unsafe_call_that_was_cut_off_is_not_made_again(support, tools, hosts):
    host = hosts.start()
    run = play(support, "pay", {"amount": 1}, then="paid")
    ended(run)
    # As if the process had died between the call and its record.
    Step.objects.filter(run_id=run.id, n__gte=2).delete()
    Effect.objects.update(state="intent", result=None)
    Run.objects.filter(id=run.id).update(status="failed", step_count=1)
    resume_run(support.id, run.id)
    reached(run, RunStatus.WAITING)
    assert (run.stop_reason, toolbox.calls["pay 1"]) == ("outcome_unknown", 1)
    assert Effect.objects.get().state == "outcome_unknown"
    hosts.stop(host)


def test_what_a_tool_wrote_with_its_result_is_not_written_again(support, tools, hosts):
    host = hosts.start()
    run = play(support, "open_ticket", {"title": "die"})
    eventually(lambda: Effect.objects.filter(state="committed").exists())
    hosts.stop(host)  # the result is in the ledger, the step is not recorded
    assert (Run.objects.get(id=run.id).status, Thread.objects.count()) == ("queued", 1)
    hosts.start()
    ended(run)
    assert (run.status, output(run)) == ("succeeded", str(Thread.objects.get().id))
    assert (toolbox.calls["open_ticket"], Thread.objects.count()) == (1, 1)


def test_a_result_that_is_too_large_is_a_failure_of_the_tool(support, tools, host, settings):
    settings.CEF_TOOL_RESULT_BYTES = 10
    run = ended(play(support, "mail", {"to": "a very long address"}))
    assert run.status == "succeeded"
    assert "10 are accepted" in output(run)


def test_a_tool_whose_code_is_gone(support, tools, host, settings):
    make_agent(
        support,
        [{"tool_calls": [{"name": "double", "args": {"x": 1}}]}, {"text": "{last_tool_result}"}],
        tools=[{"name": "double"}],
    )
    settings.CEF_TOOL_MODULES = settings.CEF_TOOL_MODULES[:-1]
    _load_once.cache_clear()
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, toolbox.calls) == ("succeeded", {})
    assert "not installed" in output(run)


def test_an_idempotent_tool_is_called_again_under_the_same_key(support, tools, hosts):
    host = hosts.start()
    run = play(support, "mail_late", {})
    eventually(lambda: toolbox.calls["mail_late"])
    hosts.stop(host)
    hosts.start()
    eventually(lambda: toolbox.calls["mail_late"] == 2)
    toolbox.gate.set()
    ended(run)
    assert (run.status, output(run), len(toolbox.keys), len(set(toolbox.keys))) == ("succeeded", "sent", 2, 1)


def test_a_number_beyond_64_bits_is_not_rounded(support, tools, host):
    run = ended(play(support, "huge", {}))
    assert (run.status, output(run)) == ("succeeded", str(2**100 + 1))
    assert tool_results(run)["c0"]["result"] == 2**100 + 1
