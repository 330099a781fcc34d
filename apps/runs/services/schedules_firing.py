"""Starting the runs of schedules: when their time has come, and when somebody asks for one now."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from apps.core.exceptions import CefError
from apps.runs import payloads
from apps.runs.cron import next_fire
from apps.runs.exceptions import IntakePaused, InvalidSchedule, RunFinished, ScheduleNotFound
from apps.runs.limits import Limits
from apps.runs.models import Run, Schedule
from apps.runs.models.schedule import Overlap
from apps.runs.schedules import database_now, unfinished_runs
from apps.runs.services.cancel import cancel_run
from apps.runs.services.create import create_run
from apps.runs.services.request import Origin, RunRequest
from apps.runs.text import storable

LONGEST_ERROR = 300


def fire_due(schedule: Schedule) -> Run | None:
    """The run of a schedule whose time has come; None when somebody else was first, or no run came of it.

    The next time is set, and the run created, in one transaction: however many clocks there are, each time fires once,
    and a crash leaves it due. Times that passed meanwhile are made good by this one run. A refusal (the agent is gone,
    say) is kept as `last_error`, and the schedule goes on. While intake is paused it stays due.
    """
    with suppress(IntakePaused), transaction.atomic():
        return _fire_once(schedule)
    return None


@transaction.atomic
def fire_schedule(workspace_id: UUID, schedule_id: UUID, *, origin: Origin | None = None) -> Run:
    """A run now, whatever the schedule says of times and overlaps; its next time stays.

    `origin` asks for the run, and so cannot approve what it wants to do; None is whoever asks for the schedule's runs.

    Raises ScheduleNotFound, and what `create_run` raises.
    """
    # The row is locked as it is when the schedule's time comes, so that each of the two sees the other's run.
    rows = Schedule.objects.select_for_update().filter(workspace_id=workspace_id, id=schedule_id)
    schedule = rows.first()
    if schedule is None:
        raise ScheduleNotFound
    run = _start(schedule, origin or _origin(schedule))
    Schedule.objects.filter(id=schedule.id).update(last_fire_at=Now(), last_error="")
    return run


def _fire_once(schedule: Schedule) -> Run | None:
    seen = Schedule.objects.filter(id=schedule.id, enabled=True, next_fire_at=schedule.next_fire_at)
    if not seen.update(next_fire_at=_following(schedule, database_now())):
        return None
    # Locked by now; what was changed without moving its time, the agent say, is read again.
    schedule = Schedule.objects.get(id=schedule.id)
    try:
        with transaction.atomic():
            run = _start_unless_skipped(schedule)
    except IntakePaused:
        raise
    except CefError as error:
        _note(schedule, error.message)
        return None
    if run is not None:
        Schedule.objects.filter(id=schedule.id).update(last_fire_at=Now(), last_error="")
    return run


def _following(schedule: Schedule, now: datetime) -> datetime | None:
    try:
        return next_fire(schedule.cron, schedule.timezone, now)
    except InvalidSchedule:
        # A time zone that was abolished, say. The schedule shows that it has no next time.
        return None


def _start_unless_skipped(schedule: Schedule) -> Run | None:
    unfinished = unfinished_runs(schedule.id) if schedule.overlap != Overlap.ENQUEUE else []
    if unfinished and schedule.overlap == Overlap.SKIP:
        _note(schedule, f"Skipped, because the run {unfinished[0]} had not finished.")
        return None
    for run_id in unfinished:
        with suppress(RunFinished):  # by now
            cancel_run(schedule.workspace_id, run_id, origin=_origin(schedule))
    return _start(schedule, _origin(schedule))


def _start(schedule: Schedule, origin: Origin) -> Run:
    request = RunRequest(
        agent=schedule.agent,
        input=payloads.load(schedule.workspace_id, schedule.input),
        limits=Limits.of(schedule.limits),
        metadata=schedule.metadata,
    )
    run = create_run(schedule.workspace_id, request, origin=origin)
    run.schedule = schedule
    run.save(update_fields=["schedule"])
    return run


def _origin(schedule: Schedule) -> Origin:
    """Whoever said last what it runs asks for its runs, and so cannot approve what they want to do."""
    return Origin(kind=schedule.created_by_kind, id=schedule.created_by_id)


def _note(schedule: Schedule, what: str) -> None:
    Schedule.objects.filter(id=schedule.id).update(last_error=storable(what)[:LONGEST_ERROR])
