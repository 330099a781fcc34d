"""What nobody finished: runs of lost workers, runs nobody rang for, hooks that failed, ingest jobs that stand still."""

import threading
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.dispatch import doorbell
from apps.runs.live import announce_event
from apps.runs.models import Run, WorkerProcess
from apps.runs.services.announce import DUE, announce_run
from apps.runs.statements import SWEEP
from apps.runs.states import TERMINAL, RunStatus

ANNOUNCED_AT_ONCE: Final = 100

_calling = threading.Lock()


def sweep_runs() -> int:
    """Free the runs of lost workers, and ring at most as often as slots are free; how many were freed."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEP)
        freed: list[tuple[UUID, int, str]] = cursor.fetchall()
    for run_id, seq, _status in freed:
        announce_event(run_id, seq)
    for run_id in _runnable(limit=_free_slots()):
        doorbell.ring(run_id)
    return len(freed)


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


def _free_slots() -> int:
    live = WorkerProcess.objects.filter(expires_at__gt=Now(), draining=False)
    return sum(live.values_list(F("slots") - F("running"), flat=True))


def _runnable(*, limit: int) -> list[UUID]:
    queued = Run.objects.filter(status=RunStatus.QUEUED).order_by("id")
    return list(queued.values_list("id", flat=True)[: min(limit, 1000)])
