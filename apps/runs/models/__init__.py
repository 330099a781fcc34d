"""Threads, runs and everything a run leaves behind."""

from apps.runs.models.journal import Effect, Event, Step
from apps.runs.models.run import Run, Thread
from apps.runs.models.worker import WorkerProcess

__all__ = ["Effect", "Event", "Run", "Step", "Thread", "WorkerProcess"]
