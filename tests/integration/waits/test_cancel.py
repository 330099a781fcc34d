"""Cancelling a run cancels what it waits for."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from apps.runs.exceptions import WaitNotOpen
from apps.runs.models import Run, Wait
from apps.runs.services import cancel_run
from apps.runs.services.waits_events import resolve_event
from apps.runs.states import RunStatus
from apps.runs.waiting import event_token
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, reached
from tests.integration.runs.world import history, make_agent, together
from tests.integration.waits.world import agent_with, call, say, start, turn, waiting
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The tools are installed."""


def test_it_works(support, alice, bob, host):
    agent_with(support, [turn(call("pay", amount=1)), {"text": "never"}], {"name": "pay", "approval": {}})
    run = start(alice)
    [wait] = waiting(run)
    cancel_run(support.id, run.id)
    assert (ended(run).status, run.stop_reason) == ("cancelled", "cancelled_by")
    assert Wait.objects.get().state == "cancelled"
    with pytest.raises(WaitNotOpen):
        say(bob, wait, "approve")
    assert (toolbox.calls, history(run.id)[-1]) == ({}, "run.cancelled")


def test_an_event_comes_too_late(support, alice, host):
    agent_with(support, [turn(call("wait_for_event", name="paid")), {"text": "never"}], {"name": "wait_for_event"})
    run = start(alice)
    [wait] = waiting(run)
    cancel_run(support.id, run.id)
    with pytest.raises(WaitNotOpen):
        resolve_event(event_token(wait.id), {})


def test_descendants(support, alice, host):
    """Parent and child wait, grandchildren hang in their models or are queued."""
    make_agent(support, [{"hang": True}], slug="leaf")
    calls = [call("run_agent", f"c{n}", agent="leaf", task="x") for n in range(3)]
    make_agent(support, [turn(*calls), {"text": "never"}], slug="middle", tools=[{"name": "run_agent"}])
    script = [turn(call("run_agent", agent="middle", task="x")), {"text": "never"}]
    agent_with(support, script, {"name": "run_agent"})
    run = start(alice)
    leaves = eventually(lambda: rows if len(rows := Run.objects.filter(agent__slug="leaf")) == 3 else None)
    for leaf in leaves:
        reached(leaf, RunStatus.RUNNING)
    asked = time.monotonic()
    cancel_run(support.id, run.id)
    everyone = list(Run.objects.all())
    assert {ended(each).status for each in everyone} == {"cancelled"}
    assert (len(everyone), time.monotonic() - asked < 5) == (5, True)
    assert set(Wait.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_queued_child(support, alice, hosts):
    host = hosts.start()
    make_agent(support, [{"hang": True}], slug="leaf")
    agent_with(support, [turn(call("run_agent", agent="leaf", task="x")), {"text": "never"}], {"name": "run_agent"})
    run = start(alice)
    waiting(run)
    hosts.stop(host)
    child = Run.objects.get(parent=run, status="queued")
    cancel_run(support.id, run.id)
    child.refresh_from_db()
    assert child.status == "cancelled"


def test_all_of_the_family_or_none(support, alice, hosts):
    """What ends the canceller halfway leaves no child without its parent; here it cannot get at the child."""
    host = hosts.start()
    make_agent(support, [{"hang": True}], slug="leaf")
    agent_with(support, [turn(call("run_agent", agent="leaf", task="x")), {"text": "never"}], {"name": "run_agent"})
    run = start(alice)
    waiting(run)
    hosts.stop(host)
    child = Run.objects.get(parent=run, status="queued")
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Run.objects.select_for_update(no_key=True).get(id=child.id)
        refused = pool.submit(_cancel_impatiently, run)
        assert isinstance(refused.exception(), OperationalError)
    assert set(Run.objects.values_list("status", flat=True)) == {"waiting", "queued"}
    assert Wait.objects.get().state == "open"


def _cancel_impatiently(run: Run) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        cancel_run(run.workspace_id, run.id)
    finally:
        connection.close()


def test_a_cancel_that_meets_the_suspension(support, alice, hosts):
    """It was requested while the run was still running: the run does not begin to wait."""
    host = hosts.start()
    calls = [call("wait", "a"), call("sleep", "b", seconds=3600)]
    agent_with(support, [turn(*calls), {"text": "never"}], {"name": "wait"}, {"name": "sleep"})
    run = start(alice)
    eventually(lambda: toolbox.calls["wait"])
    Run.objects.filter(id=run.id).update(cancel_requested_at=run.created_at)
    toolbox.gate.set()
    assert (ended(run).status, Wait.objects.count()) == ("cancelled", 0)
    hosts.stop(host)


def test_a_cancel_and_an_answer_at_once(support, alice, bob, hosts):
    host = hosts.start()
    agent_with(support, [turn(call("pay", amount=1)), {"text": "done"}], {"name": "pay", "approval": {}})
    runs = [start(alice) for _ in range(5)]
    waits = [waiting(run)[0] for run in runs]
    hosts.stop(host)
    for run, wait in zip(runs, waits, strict=True):
        together(
            lambda run=run: cancel_run(support.id, run.id),
            lambda wait=wait: say(bob, wait, "approve"),
        )
        run.refresh_from_db()
        assert run.status == "cancelled"  # what was approved first is queued, and then cancelled
        assert history(run.id)[-1] == "run.cancelled"
    assert toolbox.calls == {}
