"""Ends a process whose loop has stopped: its lease is renewed by another thread, so nobody else would ever know."""

import asyncio
import faulthandler
import logging
import os
import threading
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5


class Watchdog:
    """Asks the loop for a sign of life, and ends the process after `CEF_STALL_SECONDS` without one.

    The supervisor starts the process again, and its runs go on elsewhere once the lease has ended. Silence is counted
    in looks, not by the clock: a whole process that was stopped for a while is no loop that stands still.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._patience = max(round(settings.CEF_STALL_SECONDS / LOOK_SECONDS), 1)
        self._stop = threading.Event()
        self._alive = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cef-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look, twice a second."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; before the loop is stopped."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        silent = 0
        while not self._stop.wait(LOOK_SECONDS):
            silent = 0 if self._alive.is_set() else silent + 1
            if silent > self._patience:
                self._end()
            self._alive.clear()
            self._loop.call_soon_threadsafe(self._alive.set)

    def _end(self) -> None:
        logger.critical("The loop stands still; the process ends here, and its runs go on elsewhere.")
        try:
            # Celery has put a logger in the place of sys.stderr, which a dump cannot be written to.
            faulthandler.dump_traceback(file=2, all_threads=True)
        finally:
            os._exit(os.EX_SOFTWARE)
