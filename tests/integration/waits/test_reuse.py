"""Waits of runs that start again: from a snapshot, as a rerun, and as an export."""

import pytest

from apps.runs.models import Run, Wait
from apps.runs.selectors import run_export
from apps.runs.services import rerun
from apps.runs.services.waits_copying import copy_waits
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, outcome, output
from tests.integration.runs.world import set_up_run
from tests.integration.waits.world import agent_with, call, say, start, turn, waiting
from tests.waiting import eventually

TURNS = 40
"""So many are behind a snapshot."""


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The tests' own tools are installed."""


def test_a_long_run_goes_on_from_its_snapshot(support, alice, bob, hosts):
    """The wait is looked up by the step of the loop, which a restart from a snapshot keeps."""
    first = hosts.start()
    doubles = [turn(call("double", f"d{n}", x=n)) for n in range(TURNS)]
    script = [*doubles, turn(call("pay", amount=7)), {"text": "{last_tool_result}"}]
    tools = {"name": "double"}, {"name": "pay", "approval": {}}
    agent_with(support, script, *tools, limits={"steps": None})
    run = start(alice)
    [wait] = waiting(run)
    assert wait.run_step == TURNS + 1
    assert run.snapshots.count() > 0
    hosts.stop(first)
    say(bob, wait, "approve")
    hosts.start()
    assert (ended(run).status, output(run)) == ("succeeded", '{"receipt":7}')
    assert (sum(toolbox.calls.values()), toolbox.calls["pay 7"]) == (TURNS + 1, 1)


@pytest.mark.parametrize("changed", [{"tool": "other"}, {"arguments": b'{"amount":8}'}], ids=["tool", "arguments"])
def test_consent_to_another_call_lets_none_be_made(changed, support, alice, bob, hosts):
    """What people agreed to is compared with what is asked for when the run goes on."""
    first = hosts.start()
    agent_with(support, [turn(call("pay", amount=7)), {"text": "Done."}], {"name": "pay", "approval": {}})
    run = start(alice)
    [wait] = waiting(run)
    hosts.stop(first)
    say(bob, wait, "approve")
    Wait.objects.update(**changed)
    hosts.start()
    assert (outcome(run), dict(toolbox.calls)) == (("failed", "replay_mismatch", "replay_mismatch"), {})


def test_a_rerun_is_not_asked_again(support, alice, bob, host):
    script = [turn(call("pay", amount=1)), turn(call("pay", amount=2)), {"text": "Done."}]
    agent_with(support, script, {"name": "pay", "approval": {}})
    run = start(alice)
    say(bob, waiting(run)[0], "approve")
    [second] = waiting_for(run, 2)
    say(bob, second, "reject")
    ended(run)
    other = set_up_run(support)
    assert copy_waits(run.id, other, before=2) == 1
    copy = Wait.objects.get(run=other)
    original = Wait.objects.get(run=run, run_step=1)
    assert (copy.run_step, copy.kind, copy.state, copy.id == original.id) == (1, "approval", "resolved", False)
    assert bytes(copy.result) == bytes(original.result)


def test_a_rerun_asks_anew_only_from_where_it_begins(support, alice, bob, host):
    """Model, pay 1, model, pay 2 that was rejected and has no step, model."""
    script = [turn(call("pay", amount=1)), turn(call("pay", amount=2)), {"text": "Done."}]
    agent_with(support, script, {"name": "pay", "approval": {}})
    run = start(alice)
    say(bob, waiting(run)[0], "approve")
    [second] = waiting_for(run, 2)
    say(bob, second, "reject")
    assert (ended(run).step_count, toolbox.calls) == (4, {"pay 1": 1})
    again = rerun(support.id, run.id, from_step=3)
    [asked] = waiting_for(again, 2)
    assert [wait.run_step for wait in Wait.objects.filter(run=again).order_by("run_step")] == [1, 2]
    say(bob, asked, "approve")
    assert (ended(again).status, output(again), toolbox.calls) == ("succeeded", "Done.", {"pay 1": 1, "pay 2": 1})
    last = ended(rerun(support.id, run.id, from_step=4))
    assert (last.status, output(last), toolbox.calls) == ("succeeded", "Done.", {"pay 1": 1, "pay 2": 1})
    assert not Wait.objects.filter(run=last, state="open").exists()
    assert [wait.state for wait in Wait.objects.filter(run=last)] == ["resolved", "resolved"]


def test_an_export_has_them(support, alice, bob, host):
    agent_with(support, [turn(call("pay", amount=1)), {"text": "Done."}], {"name": "pay", "approval": {}})
    run = start(alice)
    [wait] = waiting(run)
    say(bob, wait, "reject", note="No.")
    ended(run)
    [exported] = run_export(support.id, run.id)["waits"]
    assert (exported["id"], exported["arguments"], exported["decisions"][0]["note"]) == (wait.id, {"amount": 1}, "No.")
    assert (exported["result"]["ending"], exported["event"]) == ("denied", None)


def waiting_for(run: Run, step: int) -> list[Wait]:
    return eventually(lambda: list(Wait.objects.filter(run=run, state="open", run_step=step)))
