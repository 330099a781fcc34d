"""Threads, runs and everything a run leaves behind."""

from apps.runs.models.batch import Batch
from apps.runs.models.budget import Account, Budget, Reservation
from apps.runs.models.cap import Cap, Slot
from apps.runs.models.journal import Effect, Event, Step
from apps.runs.models.retention import Retention
from apps.runs.models.run import NO_KEY, RUNNABLE, Run, Thread, Turn
from apps.runs.models.schedule import Schedule
from apps.runs.models.snapshot import Snapshot
from apps.runs.models.wait import Decision, Wait
from apps.runs.models.worker import WorkerProcess

__all__ = [
    "NO_KEY",
    "RUNNABLE",
    "Account",
    "Batch",
    "Budget",
    "Cap",
    "Decision",
    "Effect",
    "Event",
    "Reservation",
    "Retention",
    "Run",
    "Schedule",
    "Slot",
    "Snapshot",
    "Step",
    "Thread",
    "Turn",
    "Wait",
    "WorkerProcess",
]
