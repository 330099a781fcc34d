"""A run sleeps without a worker, for as long as it likes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from apps.core import canonical
from apps.runs.models import Run, Wait
from apps.runs.services.waits_due import settle_due
from tests.integration.engine.following import ended, output
from tests.integration.runs.world import bells, history, together
from tests.integration.waits.world import agent_with, call, start, turn, waiting


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The built-in tools are installed."""


def sleep(support, who, **args) -> Run:
    agent_with(support, [turn(call("sleep", **args)), {"text": "{last_tool_result}"}], {"name": "sleep"})
    return start(who)


def test_it_works(support, alice, host):
    run = ended(sleep(support, alice, seconds=0.5))
    wait = Wait.objects.get()
    assert (run.status, wait.kind, wait.state) == ("succeeded", "timer", "resolved")
    assert wait.resolved_at >= wait.due_at
    assert abs((wait.due_at - wait.created_at).total_seconds() - 0.5) < 0.1
    assert output(run) == f'{{"woke_at":"{wait.due_at.isoformat()}"}}'


def test_months(support, alice, hosts):
    first = hosts.start()
    run = sleep(support, alice, seconds=90 * 86_400)
    [wait] = waiting(run)
    assert abs((wait.due_at - wait.created_at).total_seconds() - 90 * 86_400) < 1
    hosts.stop(first)
    Wait.objects.update(due_at=F("created_at"))
    hosts.start()
    assert ended(run).status == "succeeded"


def test_until_a_moment(support, alice, host):
    moment = datetime.now(UTC) + timedelta(days=1)
    [wait] = waiting(sleep(support, alice, until=moment.isoformat()))
    assert wait.due_at == moment


class TestTooFarAway:
    """The model is told at once, and may ask for less."""

    def test_it_works(self, support, alice, host, settings):
        settings.CEF_TIMER_DAYS = 30
        far, near = (datetime.now(UTC) + timedelta(days=days) for days in (31, 29))
        calls = turn(call("sleep", "far", until=far.isoformat())), turn(call("sleep", "near", until=near.isoformat()))
        agent_with(support, [*calls, {"text": "Done."}], {"name": "sleep"})
        [wait] = waiting(start(alice))
        assert (wait.tool_call_id, wait.due_at) == ("near", near)
        refused = Wait.objects.get(tool_call_id="far")
        assert (refused.state, refused.due_at) == ("resolved", None)
        assert "a run may wait for 30 days" in canonical.load(refused.result)["message"]

    def test_seconds(self, support, alice, host, settings):
        settings.CEF_TIMER_DAYS = 30
        run = ended(sleep(support, alice, seconds=31 * 86_400))
        assert (run.status, "30 days" in output(run)) == ("succeeded", True)

    def test_a_replay_hears_the_same_when_it_is_near_enough(self, support, alice, hosts, settings):
        settings.CEF_TIMER_DAYS = 30
        first = hosts.start()
        calls = [call("sleep", "far", seconds=31 * 86_400), call("sleep", "near", seconds=9 * 86_400)]
        agent_with(support, [turn(*calls), {"text": "Done."}], {"name": "sleep"})
        run = start(alice)
        waiting(run)
        hosts.stop(first)
        settings.CEF_TIMER_DAYS = 40
        Wait.objects.update(due_at=F("created_at"))
        hosts.start()
        assert (ended(run).status, Wait.objects.count()) == ("succeeded", 2)


def test_neither_or_both(support, alice, host):
    run = ended(sleep(support, alice))
    assert (run.status, Wait.objects.count()) == ("succeeded", 0)
    assert "either seconds or until" in output(run)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"])
def test_beyond_the_calendar(moment, support, alice, host):
    run = ended(sleep(support, alice, until=moment))
    assert (run.status, Wait.objects.count()) == ("succeeded", 0)
    assert "beyond the calendar" in output(run)


def test_two_sweepers_at_once(support, alice, hosts):
    first = hosts.start()
    [wait] = waiting(run := sleep(support, alice, seconds=3600))
    hosts.stop(first)
    Wait.objects.update(due_at=F("created_at"))
    bells()
    together(*(lambda: settle_due([wait.id]) for _ in range(4)))
    assert history(run.id).count("wait.resolved") == 1
    assert history(run.id)[-1] == "run.resumed"
    assert bells() == [str(run.id)]


def test_not_before_its_time(support, alice, host):
    [wait] = waiting(run := sleep(support, alice, seconds=3600))
    settle_due([wait.id])
    assert (Wait.objects.get().state, Run.objects.get(id=run.id).status) == ("open", "waiting")


def test_no_slot_is_held(support, alice, hosts):
    """One slot, and ten runs that sleep at the same time."""
    hosts.start(slots=1)
    agent_with(support, [turn(call("sleep", seconds=1)), {"text": "Done."}], {"name": "sleep"})
    runs = [start(alice) for _ in range(10)]
    assert {ended(run).status for run in runs} == {"succeeded"}
    first_end = min(run.finished_at for run in runs)
    assert max(Wait.objects.values_list("created_at", flat=True)) < first_end
