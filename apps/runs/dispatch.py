"""The doorbell: tells the workers by Celery that a run waits. Best effort, because they also look by themselves."""

import logging
import threading
import time
from typing import Final
from uuid import UUID

from apps.core.dispatch import UNDELIVERED, deliver
from apps.core.failpoints import hit

logger = logging.getLogger(__name__)

ADVANCE: Final = "workers.runs.advance"
ADVANCE_SUSPECT: Final = "workers.quarantine.advance"
SILENCE_SECONDS: Final = 5.0
"""After a failed ring nobody rings for this long, so that requests do not queue up behind a Redis that is away."""


class Doorbell:
    """Rings by task name; a message may be lost, doubled or late, and nothing breaks."""

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def ring(self, run_id: UUID, *, suspect: bool = False, many: bool = False) -> bool:
        """Whether a message was sent. Never raises when Redis is away: the workers' pollers find the run.

        A suspect is a quarantined run, for which another process is rung. `many` says that more wait than are rung for:
        who comes goes on until none is left.
        """
        hit("before_publish")
        if time.monotonic() < self._silent_until:
            return False
        try:
            deliver(ADVANCE_SUSPECT if suspect else ADVANCE, str(run_id), *([True] if many else []))
        except UNDELIVERED as error:
            self._fall_silent(error)
            return False
        return True

    def _fall_silent(self, error: Exception) -> None:
        with self._lock:
            if time.monotonic() >= self._silent_until:
                logger.warning("The doorbell does not ring; workers poll.", extra={"error": str(error)})
            self._silent_until = time.monotonic() + SILENCE_SECONDS


doorbell = Doorbell()
