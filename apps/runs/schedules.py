"""Reading schedules: one, those that are due, and their public form."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from apps.accounts.selectors import platform_pause
from apps.runs import payloads
from apps.runs.exceptions import ScheduleNotFound
from apps.runs.models import Run, Schedule
from apps.runs.states import ACTIVE

AT_ONCE: Final = 100
LOOKED_BACK: Final = 100
"""Runs of a schedule among which one that has not finished is looked for, the newest first."""


def database_now() -> datetime:
    """The time by the clock that schedules go by; that of the transaction's begin, within one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        row = cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def get_schedule(workspace_id: UUID, schedule_id: UUID) -> Schedule:
    """Raises ScheduleNotFound, also for another workspace's."""
    schedule = Schedule.objects.filter(workspace_id=workspace_id, id=schedule_id).first()
    if schedule is None:
        raise ScheduleNotFound
    return schedule


def due_schedules() -> list[Schedule]:
    """A hundred of those whose time has come, the longest due first; none while intake is paused for them."""
    if platform_pause() is not None:
        return []
    due = Schedule.objects.filter(enabled=True, next_fire_at__lte=Now(), workspace__intake_paused_at=None)
    return list(due.order_by("next_fire_at")[:AT_ONCE])


def unfinished_runs(schedule_id: UUID) -> list[UUID]:
    """Of the schedule's last hundred runs those that have not finished."""
    newest = Run.objects.filter(schedule_id=schedule_id).order_by("-id").values_list("id", "status")[:LOOKED_BACK]
    return [run_id for run_id, status in newest if status in ACTIVE]


def schedules_with_last_run(schedules: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """The schedules with `last_run_id`, their newest run."""
    newest = Run.objects.filter(schedule_id=OuterRef("id")).order_by("-id").values("id")[:1]
    return schedules.annotate(last_run_id=Subquery(newest))


def schedule_json(schedule: Any) -> dict[str, Any]:
    """The public form of a row of `schedules_with_last_run`, without its input."""
    return {
        "id": schedule.id,
        "name": schedule.name,
        "agent": schedule.agent,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "overlap": schedule.overlap,
        "limits": schedule.limits,
        "metadata": schedule.metadata,
        "enabled": schedule.enabled,
        "next_fire_at": schedule.next_fire_at,
        "last_fire_at": schedule.last_fire_at,
        "last_run_id": schedule.last_run_id,
        "last_error": schedule.last_error or None,
        "created_at": schedule.created_at,
    }


def schedule_detail(workspace_id: UUID, schedule_id: UUID) -> dict[str, Any]:
    """One schedule with its input. Raises ScheduleNotFound."""
    rows = schedules_with_last_run(Schedule.objects.filter(workspace_id=workspace_id, id=schedule_id))
    schedule = rows.first()
    if schedule is None:
        raise ScheduleNotFound
    return schedule_json(schedule) | {"input": payloads.load(workspace_id, schedule.input)}
