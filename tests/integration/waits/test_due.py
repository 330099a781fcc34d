"""What nobody decided in time."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.exceptions import NotYoursToDecide, WaitNotOpen
from apps.runs.models import Decision, Run, Wait
from apps.runs.services.waits_due import settle_due
from apps.runs.services.waits_events import resolve_event
from apps.runs.waiting import event_token
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, events, output
from tests.integration.waits.world import agent_with, call, say, start, turn, waiting
from tests.waiting import eventually

SCRIPT = [turn(call("pay", amount=700)), {"text": "{last_tool_result}"}]


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The tests' own tools are installed."""


def pay(support, who, **policy) -> Run:
    agent_with(support, SCRIPT, {"name": "pay", "approval": {"due_seconds": 1, **policy}})
    return start(who)


def test_it_is_rejected(support, alice, host):
    run = ended(pay(support, alice))
    assert (run.status, output(run)) == ("succeeded", "Nobody decided about the call in time.")
    assert (toolbox.calls, Wait.objects.get().state) == ({}, "expired")


def test_it_is_approved(support, alice, host):
    run = ended(pay(support, alice, on_due="approve"))
    assert (run.status, toolbox.calls, Wait.objects.get().state) == ("succeeded", {"pay 700": 1}, "resolved")


def test_what_somebody_edited_is_approved_and_not_what_the_model_asked_for(support, alice, bob, host):
    run = pay(support, alice, due_seconds=3600, needed=2, on_due="approve")
    [wait] = waiting(run)
    say(bob, wait, "approve", arguments={"amount": 70})
    Wait.objects.update(due_at=F("created_at"))
    assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 70": 1})


def test_it_is_escalated(support, alice, bob, carol, host):
    run = pay(support, alice, assignee="bob@example.org", on_due="escalate", escalate_role="admin")
    [wait] = waiting(run)
    wait = eventually(lambda: Wait.objects.filter(role="admin", assignee_id=None).first())
    with pytest.raises(NotYoursToDecide):
        say(bob, wait, "approve")
    assert ("wait.decided", "escalate", "admin") in [
        (type_, data.get("verdict"), data.get("role")) for type_, data in events(run)
    ]
    Wait.objects.update(due_at=None)
    say(carol, wait, "approve")
    assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 700": 1})


def test_nobody_decides_after_it_was_escalated_either(support, alice, host):
    run = ended(pay(support, alice, on_due="escalate", escalate_role="owner"))
    wait = Wait.objects.get()
    assert (run.status, wait.state, wait.role, toolbox.calls) == ("succeeded", "expired", "owner", {})
    assert (wait.resolved_at - wait.created_at).total_seconds() >= 2


class TestALateWord:
    """No worker was there to sweep when the time was over."""

    @pytest.fixture
    def wait(self, support, alice, hosts) -> Wait:
        first = hosts.start()
        [wait] = waiting(pay(support, alice, due_seconds=3600))
        hosts.stop(first)
        Wait.objects.update(due_at=F("created_at"))
        return wait

    def test_does_not_count(self, wait, bob):
        with pytest.raises(WaitNotOpen):
            say(bob, wait, "approve")
        assert (Wait.objects.get().state, Decision.objects.count()) == ("expired", 0)

    def test_is_of_those_to_whom_it_was_escalated(self, wait, bob, carol):
        Wait.objects.update(on_due="escalate", escalate_role="admin", due_at=Now() - timedelta(seconds=1))
        Wait.objects.update(created_at=Now() - timedelta(seconds=60))
        with pytest.raises(NotYoursToDecide):
            say(bob, wait, "approve")
        assert say(carol, wait, "approve").state == "resolved"


def test_an_event_that_is_late(support, alice, hosts):
    first = hosts.start()
    script = [turn(call("wait_for_event", name="paid")), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "wait_for_event", "config": {"due_seconds": 3600}})
    [wait] = waiting(start(alice))
    hosts.stop(first)
    Wait.objects.update(due_at=F("created_at"))
    with pytest.raises(WaitNotOpen):
        resolve_event(event_token(wait.id), {"amount": 1})
    assert Wait.objects.get().state == "expired"


def test_an_answer_and_the_end_of_its_time_at_once(support, alice, bob, hosts):
    first = hosts.start()
    [wait] = waiting(run := pay(support, alice, due_seconds=3600))
    hosts.stop(first)
    say(bob, wait, "approve")
    settle_due([wait.id])
    assert (Wait.objects.get().state, Run.objects.get(id=run.id).status) == ("resolved", "queued")
