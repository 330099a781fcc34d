"""What nobody finished: runs of lost workers, runs nobody rang for, hooks that failed, ingest jobs that stand still."""

import threading
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from apps.runs.capacity import free_slots
from apps.runs.claim_statements import WAITING
from apps.runs.dispatch import doorbell
from apps.runs.live import announce_event
from apps.runs.models import Run
from apps.runs.services.announce import DUE, announce_run
from apps.runs.services.caps import give_default_caps, heal_caps
from apps.runs.statements import NEXT_IN_THREADS, SWEEP
from apps.runs.states import TERMINAL, RunStatus

SUSPECT: Final = Q(status=RunStatus.QUEUED, held=False, quarantined=True)
ANNOUNCED_AT_ONCE: Final = 100
LOOKED_AT: Final = 1000
"""Runs of the queue; those behind them had a bell of their own when they were submitted, and workers also poll."""

_calling = threading.Lock()


def sweep_runs() -> int:
    """Free the runs of lost workers and those held behind none; ring at most as often as slots are free.

    How many runs of lost workers there were.
    """
    with connection.cursor() as cursor:
        cursor.execute(SWEEP)
        freed: list[tuple[UUID, int, str]] = cursor.fetchall()
        cursor.execute(NEXT_IN_THREADS, {"thread": None})
    for run_id, seq, _status in freed:
        announce_event(run_id, seq)
    for run_id in _waiting(free=free_slots()):
        doorbell.ring(run_id)
    for run_id in Run.objects.filter(SUSPECT).order_by("id").values_list("id", flat=True)[:1]:
        doorbell.ring(run_id, suspect=True)
    return len(freed)


def sweep_caps() -> None:
    """Give back places that nobody holds, and caps to workspaces without one."""
    heal_caps()
    give_default_caps()


def announce_finished() -> int:
    """Call the completion hooks that failed a while ago or were never called; how many runs are announced now.

    One caller in a process: a hook that hangs holds one of its threads and not, sweep by sweep, all of them.
    """
    if not _calling.acquire(blocking=False):
        return 0
    try:
        return sum(announce_run(run_id, status) for run_id, status in _unannounced())
    finally:
        _calling.release()


def _unannounced() -> list[tuple[UUID, str]]:
    runs = Run.objects.filter(DUE, status__in=sorted(TERMINAL)).order_by("finished_at")
    return list(runs.values_list("id", "status")[:ANNOUNCED_AT_ONCE])


def _waiting(*, free: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"looked_at": LOOKED_AT, "free": free})
        return [row[0] for row in cursor.fetchall()]
