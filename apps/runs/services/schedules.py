"""Making, changing, pausing and removing schedules."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.agents.selectors import resolve_version
from apps.runs import payloads
from apps.runs.cron import next_fire
from apps.runs.exceptions import InvalidSchedule, ScheduleNameTaken, ScheduleNotFound
from apps.runs.limits import Limits
from apps.runs.models import Schedule
from apps.runs.models.schedule import Overlap
from apps.runs.schedules import database_now
from apps.runs.services.checks import encoded_input, require_limits, require_metadata
from apps.runs.services.request import NOBODY, Origin

_WHEN: Final = frozenset({"cron", "timezone", "enabled"})
_WHAT: Final = frozenset({"agent", "input", "limits", "metadata"})


@dataclass(frozen=True, kw_only=True)
class ScheduleRequest:
    """What to run, and when: `cron` has five fields and is read in `timezone`.

    `agent` is resolved at each fire, so that a label may move meanwhile. `input` is text or any JSON value.
    """

    name: str
    agent: str
    input: Any
    cron: str
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    limits: Limits = field(default_factory=Limits)
    metadata: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True


@transaction.atomic
def create_schedule(workspace_id: UUID, request: ScheduleRequest, *, origin: Origin = NOBODY) -> Schedule:
    """A schedule that fires from its next time on; its runs are asked for by whoever made it.

    Raises InvalidSchedule, InvalidRunInput, NotFound (agent, version) and ScheduleNameTaken.
    """
    schedule = Schedule(workspace_id=workspace_id, created_by_kind=origin.kind, created_by_id=origin.id)
    schedule.next_fire_at = _next_fire(request)
    _write(schedule, request)
    return schedule


@transaction.atomic
def update_schedule(workspace_id: UUID, schedule_id: UUID, *, origin: Origin = NOBODY, **changes: Any) -> Schedule:
    """The schedule with other values for some fields of its ScheduleRequest.

    Its next time is found anew when it depends on a changed field. Who changes what it runs asks for its runs from now
    on. Raises ScheduleNotFound, and what `create_schedule` raises.
    """
    schedule = _locked(workspace_id, schedule_id)
    before = _request_of(schedule)
    request = replace(before, **changes)
    changed = {each.name for each in fields(request) if getattr(request, each.name) != getattr(before, each.name)}
    if changed & _WHEN:
        schedule.next_fire_at = _next_fire(request)
    if changed & _WHAT and origin != NOBODY:
        schedule.created_by_kind, schedule.created_by_id = origin.kind, origin.id
    schedule.last_error = ""
    _write(schedule, request)
    return schedule


def pause_schedule(workspace_id: UUID, schedule_id: UUID) -> Schedule:
    """It does not fire, and what it misses is not made good. Raises ScheduleNotFound."""
    return update_schedule(workspace_id, schedule_id, enabled=False)


def resume_schedule(workspace_id: UUID, schedule_id: UUID) -> Schedule:
    """It fires from its next time on. Raises ScheduleNotFound, and NotFound when its agent is gone."""
    return update_schedule(workspace_id, schedule_id, enabled=True)


def delete_schedule(workspace_id: UUID, schedule_id: UUID) -> None:
    """Its runs stay. Raises ScheduleNotFound."""
    with transaction.atomic():
        _locked(workspace_id, schedule_id).delete()


def _write(schedule: Schedule, request: ScheduleRequest) -> None:
    if request.enabled:
        resolve_version(schedule.workspace_id, request.agent)
    require_metadata(request.metadata)
    require_limits(request.limits)
    for each in fields(request):
        setattr(schedule, each.name, getattr(request, each.name))
    schedule.limits = request.limits.stored()
    schedule.input = payloads.store(schedule.workspace_id, encoded_input(request.input), "input")
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        raise ScheduleNameTaken(f"There is a schedule {request.name!r} already.") from error


def _next_fire(request: ScheduleRequest) -> datetime | None:
    """None while it is paused. Raises InvalidSchedule, also when it would never fire."""
    following = next_fire(request.cron, request.timezone, database_now())
    if following is None:
        raise InvalidSchedule(f"{request.cron!r} never fires.")
    return following if request.enabled else None


def _request_of(schedule: Schedule) -> ScheduleRequest:
    kept = {each.name: getattr(schedule, each.name) for each in fields(ScheduleRequest)}
    kept |= {
        "input": payloads.load(schedule.workspace_id, schedule.input),
        "limits": Limits.of(schedule.limits),
        "overlap": Overlap(schedule.overlap),
    }
    return ScheduleRequest(**kept)


def _locked(workspace_id: UUID, schedule_id: UUID) -> Schedule:
    rows = Schedule.objects.select_for_update().filter(workspace_id=workspace_id, id=schedule_id)
    schedule = rows.first()
    if schedule is None:
        raise ScheduleNotFound
    return schedule
