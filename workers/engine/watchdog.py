"""Ends a process that does no more what nobody else would notice: its loop, or its consumer of messages."""

import asyncio
import faulthandler
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
CANARY_LOOKS: Final = 6
"""Looks for the canary within `CEF_CONSUMER_SECONDS`."""


class Watchdog:
    """Asks the loop for a sign of life, and ends the process after `CEF_STALL_SECONDS` without one.

    The supervisor starts the process again, and its runs go on elsewhere once the lease has ended: that is renewed by
    another thread, so nobody else would ever know. Silence is counted in looks, not by the clock: a whole process that
    was stopped for a while is no loop that stands still.
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
                end_process("The loop stands still; the process ends here, and its runs go on elsewhere.")
            self._alive.clear()
            self._loop.call_soon_threadsafe(self._alive.set)


class Canary:
    """Sends this very process a message through Redis again and again, and says when it does not come back.

    A consumer may never wake up after Redis was away: it looks alive and takes nothing. Only what proves that counts:
    Redis answers and took the message, and the process has room for one. `send` says whether the message was taken,
    `is_free` whether there is room and Redis answers.
    """

    def __init__(self, send: Callable[[], bool], is_free: Callable[[], bool]) -> None:
        self._send, self._is_free = send, is_free
        self._heard = threading.Event()
        self._stop = threading.Event()
        self._silent = 0
        self._thread = threading.Thread(target=self._watch, name="cef-canary", daemon=True)

    def start(self) -> None:
        """Begin to look, six times within `CEF_CONSUMER_SECONDS`."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def hear(self) -> None:
        """The message has come back."""
        self._heard.set()

    def look(self) -> bool:
        """Whether the process has ceased to take messages; sends the next one."""
        heard = self._heard.is_set()
        self._heard.clear()
        self._silent = 0 if heard or not self._is_free() else self._silent + 1
        if not self._send():
            self._silent = 0
        return self._silent >= CANARY_LOOKS

    def _watch(self) -> None:
        while not self._stop.wait(settings.CEF_CONSUMER_SECONDS / CANARY_LOOKS):
            if self.look():
                end_process("Redis answers, and no message comes through it any more; the process ends here.")


def end_process(why: str) -> None:
    """End at once, and write down where every thread stands."""
    logger.critical(why)
    try:
        # Celery has put a logger in the place of sys.stderr, which a dump cannot be written to.
        faulthandler.dump_traceback(file=2, all_threads=True)
    finally:
        os._exit(os.EX_SOFTWARE)
