"""Schedules: each time fires once, whoever looks; what happens when something is in the way."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.accounts.services import pause_intake, resume_intake
from apps.agents.exceptions import AgentNotFound
from apps.agents.models import Agent
from apps.core.exceptions import NotFound
from apps.core.ids import new_id
from apps.runs import payloads
from apps.runs.cron import next_fire
from apps.runs.exceptions import (
    IntakePaused,
    InvalidRunInput,
    InvalidSchedule,
    ScheduleNameTaken,
    ScheduleNotFound,
)
from apps.runs.limits import Limits
from apps.runs.models import Event, Run, Schedule
from apps.runs.models.schedule import Overlap
from apps.runs.schedules import due_schedules
from apps.runs.services.request import Origin
from apps.runs.services.schedules import (
    ScheduleRequest,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    update_schedule,
)
from apps.runs.services.schedules_firing import fire_due, fire_schedule
from tests.integration.runs.world import bells, claim, finish, history, make_agent, together
from workers.ops.schedules import fire_due_schedules

pytestmark = pytest.mark.django_db(transaction=True)

HOURLY = "0 * * * *"


def scheduled(workspace: Workspace, **fields) -> Schedule:
    """A schedule of every full hour, and the agent when it is not there yet."""
    if not Agent.objects.filter(workspace=workspace, slug="docs").exists():
        make_agent(workspace)
    wanted = {"name": "report", "agent": "docs", "input": {"q": 1}, "cron": HOURLY, **fields}
    return create_schedule(workspace.id, ScheduleRequest(**wanted))


def make_due(schedule: Schedule, **ago: float) -> None:
    """As if its time had come so long ago."""
    Schedule.objects.filter(id=schedule.id).update(next_fire_at=Now() - timedelta(**ago or {"seconds": 1}))


def fire_and_die() -> None:
    """As a process does that is killed before its transaction ends."""
    with transaction.atomic():
        fire_due_schedules()
        assert Run.objects.count() == 1
        raise KeyboardInterrupt


def next_hour() -> datetime:
    following = next_fire(HOURLY, "UTC", timezone.now())
    assert following is not None
    return following


def test_it_works(support, alice):
    make_agent(support)
    request = ScheduleRequest(
        name="report",
        agent="docs",
        input={"q": "a\x00b"},
        cron=HOURLY,
        limits=Limits(steps=5),
        metadata={"team": "x"},
    )
    schedule = create_schedule(support.id, request, origin=Origin(kind="user", id=alice.id))
    assert (schedule.next_fire_at, schedule.last_fire_at, schedule.enabled) == (next_hour(), None, True)
    assert fire_due_schedules() == 0
    make_due(schedule)
    bells()
    assert fire_due_schedules() == 1
    run = Run.objects.get()
    schedule.refresh_from_db()
    assert payloads.load(support.id, run.input) == {"q": "a\x00b"}
    assert (run.status, run.schedule_id, run.limits, run.metadata) == (
        "queued",
        schedule.id,
        {"steps": 5},
        {"team": "x"},
    )
    assert (run.created_by_kind, run.created_by_id) == ("user", alice.id)
    assert (schedule.next_fire_at, schedule.last_error) == (next_hour(), "")
    assert schedule.last_fire_at is not None
    assert history(run.id) == ["run.queued"]
    assert bells() == [str(run.id)]
    assert fire_due_schedules() == 0


def test_missed_times_are_made_good_once(support):
    """A hundred hours of downtime: one run, and the next at the next full hour."""
    schedule = scheduled(support)
    make_due(schedule, hours=100)
    assert [fire_due_schedules() for _ in range(3)] == [1, 0, 0]
    schedule.refresh_from_db()
    assert (Run.objects.count(), schedule.next_fire_at) == (1, next_hour())


def test_two_clocks_at_once_fire_once(support):
    schedules = [scheduled(support, name=f"s{n}") for n in range(20)]
    for schedule in schedules:
        make_due(schedule)
    fired = together(*[fire_due_schedules] * 8)
    assert sum(fired) == 20
    assert sorted(Run.objects.values_list("schedule__name", flat=True)) == sorted(s.name for s in schedules)


def test_who_looked_before_another_fired_comes_too_late(support):
    make_due(scheduled(support))
    (seen,) = due_schedules()
    assert fire_due_schedules() == 1
    assert fire_due(seen) is None
    assert Run.objects.count() == 1


def test_the_run_and_the_next_time_are_one_transaction(support):
    """A process that dies between the two leaves the schedule due."""
    make_due(scheduled(support))
    before = Schedule.objects.values().get()
    bells()
    with pytest.raises(KeyboardInterrupt):
        fire_and_die()
    assert Schedule.objects.values().get() == before
    assert (Run.objects.count(), Event.objects.count(), bells()) == (0, 0, [])
    assert fire_due_schedules() == 1


def test_a_schedule_that_was_changed_meanwhile_fires_as_it_is_now(support):
    make_due(scheduled(support))
    (seen,) = due_schedules()
    make_agent(support, slug="other")
    Schedule.objects.update(agent="other")
    run = fire_due(seen)
    assert run is not None
    assert run.agent.slug == "other"


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
def test_skip(support, state):
    """The default: while the earlier run has not finished, the time passes."""
    schedule = scheduled(support)
    make_due(schedule)
    fire_due_schedules()
    first = Run.objects.get()
    Run.objects.update(status=state)
    make_due(schedule)
    assert fire_due_schedules() == 0
    schedule.refresh_from_db()
    assert (Run.objects.count(), schedule.next_fire_at, schedule.enabled) == (1, next_hour(), True)
    assert schedule.last_error == f"Skipped, because the run {first.id} had not finished."
    Run.objects.update(status="queued")
    finish(first)
    make_due(schedule)
    assert fire_due_schedules() == 1
    assert Schedule.objects.get().last_error == ""


def test_enqueue(support):
    schedule = scheduled(support, overlap=Overlap.ENQUEUE)
    for _ in range(3):
        make_due(schedule)
        assert fire_due_schedules() == 1
    assert list(Run.objects.values_list("status", flat=True)) == ["queued"] * 3


def test_cancel(support):
    """A queued run is cancelled at once, a running one is asked to stop; the new one starts as well."""
    schedule = scheduled(support, overlap=Overlap.CANCEL)
    make_due(schedule)
    fire_due_schedules()
    claim()
    make_due(schedule)
    fire_due_schedules()
    first, second = Run.objects.order_by("id")
    assert (first.status, first.cancel_requested_at is not None, second.status) == ("running", True, "queued")
    make_due(schedule)
    fire_due_schedules()
    states = dict(Run.objects.values_list("id", "status"))
    assert (states.pop(first.id), states.pop(second.id), list(states.values())) == ("running", "cancelled", ["queued"])


def test_runs_of_others_are_in_nobodys_way(support, sales):
    ours, theirs = scheduled(support), scheduled(sales)
    scheduled(support, name="second")
    for schedule in (ours, theirs):
        make_due(schedule)
    assert fire_due_schedules() == 2
    make_due(Schedule.objects.get(name="second"))
    assert fire_due_schedules() == 1


def test_an_agent_that_is_gone_is_told_and_the_schedule_goes_on(support):
    schedule = scheduled(support)
    Agent.objects.update(archived_at=Now())
    make_due(schedule)
    assert fire_due_schedules() == 0
    schedule.refresh_from_db()
    assert (schedule.last_error, schedule.enabled) == ("The agent docs is archived.", True)
    assert (schedule.next_fire_at, schedule.last_fire_at, Run.objects.count()) == (next_hour(), None, 0)
    Agent.objects.update(archived_at=None)
    make_due(schedule)
    assert fire_due_schedules() == 1
    assert Schedule.objects.get().last_error == ""


def test_a_refused_run_undoes_the_cancel_of_the_earlier_one(support):
    schedule = scheduled(support, overlap=Overlap.CANCEL)
    make_due(schedule)
    fire_due_schedules()
    Agent.objects.update(archived_at=Now())
    make_due(schedule)
    fire_due_schedules()
    assert Run.objects.get().status == "queued"
    assert Schedule.objects.get().last_error == "The agent docs is archived."


def test_one_that_cannot_start_does_not_keep_others_from_starting(support):
    for n in range(3):
        make_due(scheduled(support, name=f"s{n}"), hours=3 - n)
    make_agent(support, slug="gone")
    Schedule.objects.filter(name="s0").update(agent="gone@production")
    assert fire_due_schedules() == 2
    assert Schedule.objects.get(name="s0").last_error == "The agent gone has no version or label 'production'."


def test_while_intake_is_paused_it_waits_and_fires_once_afterwards(support, sales):
    schedule = scheduled(support)
    make_due(schedule, hours=5)
    make_due(scheduled(sales))
    due_before = Schedule.objects.get(id=schedule.id).next_fire_at
    pause_intake(support)
    support.refresh_from_db()
    assert fire_due_schedules() == 1
    schedule.refresh_from_db()
    assert (schedule.next_fire_at, schedule.last_error) == (due_before, "")
    resume_intake(support)
    assert [fire_due_schedules(), fire_due_schedules()] == [1, 0]


def test_intake_that_is_paused_at_the_last_moment(support):
    make_due(scheduled(support))
    (seen,) = due_schedules()
    pause_intake(support)
    assert fire_due(seen) is None
    schedule = Schedule.objects.get()
    assert (schedule.next_fire_at, Run.objects.count()) == (seen.next_fire_at, 0)


def test_paused_it_does_not_fire_and_misses_what_it_missed(support):
    schedule = scheduled(support)
    make_due(schedule)
    paused = pause_schedule(support.id, schedule.id)
    assert (paused.enabled, paused.next_fire_at) == (False, None)
    assert fire_due_schedules() == 0
    resumed = resume_schedule(support.id, schedule.id)
    assert (resumed.enabled, resumed.next_fire_at) == (True, next_hour())
    assert fire_due_schedules() == 0


def test_fire_now(support):
    """Whatever it says of overlaps; its next time stays."""
    schedule = scheduled(support)
    runs = [fire_schedule(support.id, schedule.id) for _ in range(2)]
    schedule.refresh_from_db()
    assert [run.schedule_id for run in runs] == [schedule.id] * 2
    assert schedule.next_fire_at == next_hour()
    assert schedule.last_fire_at is not None
    pause_schedule(support.id, schedule.id)
    assert fire_schedule(support.id, schedule.id).status == "queued"


def test_fire_now_says_what_is_wrong(support):
    schedule = scheduled(support)
    pause_intake(support)
    with pytest.raises(IntakePaused):
        fire_schedule(support.id, schedule.id)
    with pytest.raises(ScheduleNotFound):
        fire_schedule(support.id, new_id())


def test_changing_the_times_finds_the_next_one_anew(support):
    schedule = scheduled(support)
    changed = update_schedule(support.id, schedule.id, cron="0 9 * * *", timezone="Asia/Tokyo")
    assert changed.next_fire_at == next_fire("0 9 * * *", "Asia/Tokyo", timezone.now())
    make_due(schedule)
    due_at = Schedule.objects.get().next_fire_at
    assert update_schedule(support.id, schedule.id, metadata={"a": 1}).next_fire_at == due_at
    changed = Schedule.objects.get()
    assert (changed.cron, changed.metadata, changed.agent) == ("0 9 * * *", {"a": 1}, "docs")
    assert payloads.load(support.id, changed.input) == {"q": 1}


def test_a_deleted_schedule_leaves_its_runs(support):
    schedule = scheduled(support)
    run = fire_schedule(support.id, schedule.id)
    delete_schedule(support.id, schedule.id)
    run.refresh_from_db()
    assert (run.schedule_id, Schedule.objects.count()) == (None, 0)
    with pytest.raises(ScheduleNotFound):
        delete_schedule(support.id, schedule.id)


def test_another_workspaces_schedule(support, sales):
    schedule = scheduled(support)
    before = Schedule.objects.values().get()
    for act in (pause_schedule, resume_schedule, delete_schedule, fire_schedule):
        with pytest.raises(ScheduleNotFound):
            act(sales.id, schedule.id)
    with pytest.raises(ScheduleNotFound):
        update_schedule(sales.id, schedule.id, name="mine")
    assert Schedule.objects.values().get() == before


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"agent": "nobody"}, AgentNotFound),
        ({"agent": "docs@9"}, NotFound),
        ({"cron": "every day"}, InvalidSchedule),
        ({"cron": "* * */20 * 1L"}, InvalidSchedule),
        ({"timezone": "Mars/Olympus"}, InvalidSchedule),
        ({"input": ""}, InvalidRunInput),
        ({"metadata": {"k": "x" * 20_000}}, InvalidRunInput),
        ({"limits": Limits(steps=-1)}, InvalidRunInput),
    ],
)
def test_what_is_wrong(support, fields, error):
    make_agent(support)
    with pytest.raises(error):
        scheduled(support, **fields)
    assert not Schedule.objects.exists()
    schedule = scheduled(support)
    before = Schedule.objects.values().get()
    with pytest.raises(error):
        update_schedule(support.id, schedule.id, **fields)
    assert Schedule.objects.values().get() == before


def test_a_name_is_taken_once_in_a_workspace(support, sales):
    scheduled(support)
    scheduled(sales)
    with pytest.raises(ScheduleNameTaken, match="'report'"):
        scheduled(support)
    other = scheduled(support, name="other")
    with pytest.raises(ScheduleNameTaken):
        update_schedule(support.id, other.id, name="report")
    assert Schedule.objects.count() == 3


def test_a_large_input_is_kept_apart_until_it_fires(support):
    schedule = scheduled(support, input="x" * 400_000)
    assert len(schedule.input) < 100
    run = fire_schedule(support.id, schedule.id)
    assert payloads.load(support.id, run.input) == "x" * 400_000


def test_a_time_zone_that_was_abolished_ends_its_times(support):
    schedule = scheduled(support)
    Schedule.objects.update(timezone="Europe/Atlantis", next_fire_at=Now())
    assert fire_due_schedules() == 1
    schedule.refresh_from_db()
    assert (schedule.next_fire_at, schedule.enabled) == (None, True)
    assert fire_due_schedules() == 0
