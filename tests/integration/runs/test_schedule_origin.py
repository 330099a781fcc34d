"""Whoever says what a schedule runs, or starts it now, asks for the run, and so cannot approve what it wants to do."""

import pytest

from apps.core.ids import new_id
from apps.runs.limits import Limits
from apps.runs.models import Schedule
from apps.runs.services import Origin
from apps.runs.services.schedules import ScheduleRequest, create_schedule, update_schedule
from apps.runs.services.schedules_firing import fire_schedule
from tests.integration.runs.world import make_agent

pytestmark = pytest.mark.django_db(transaction=True)

HOURLY = "0 * * * *"


def test_who_starts_it_now_asks_for_the_run(support, alice, bob):
    """Or it could be started, and what it wants to do be approved, by the same person."""
    make_agent(support)
    request = ScheduleRequest(name="report", agent="docs", input="go", cron=HOURLY)
    schedule = create_schedule(support.id, request, origin=Origin(kind="user", id=alice.id))
    key = new_id()
    run = fire_schedule(support.id, schedule.id, origin=Origin(kind="user", id=bob.id, api_key_id=key))
    assert (run.created_by_kind, run.created_by_id, run.api_key_id) == ("user", bob.id, key)
    assert Schedule.objects.get().created_by_id == alice.id


@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({"input": "pay"}, True),
        ({"agent": "docs@1"}, True),
        ({"metadata": {"a": 1}}, True),
        ({"limits": Limits(steps=2)}, True),
        ({"input": "go", "cron": "0 9 * * *", "name": "other"}, False),
        ({"enabled": False}, False),
    ],
)
def test_who_changes_what_it_runs_asks_for_its_runs(support, alice, bob, changes, theirs):
    make_agent(support)
    request = ScheduleRequest(name="report", agent="docs", input="go", cron=HOURLY)
    schedule = create_schedule(support.id, request, origin=Origin(kind="user", id=alice.id))
    changed = update_schedule(support.id, schedule.id, origin=Origin(kind="user", id=bob.id), **changes)
    assert changed.created_by_id == (bob.id if theirs else alice.id)
    assert fire_schedule(support.id, schedule.id).created_by_id == changed.created_by_id
