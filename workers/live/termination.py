"""Hearing of the end early: uvicorn tells an application of its shutdown only when every stream has ended."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def before_termination(callback: Callable[[], None]) -> None:
    """On SIGTERM or SIGINT call back on the running loop, beside whatever the server does with the signal.

    The server puts the handlers that it found back when it ends, so there is nothing to undo. In a thread other than
    the main one, where nobody can hear signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _chain(number, lambda: loop.call_soon_threadsafe(callback))


def _chain(number: signal.Signals, first: Callable[[], object]) -> None:
    then = signal.getsignal(number)

    def handle(received: int, frame: FrameType | None) -> None:
        first()
        if callable(then):
            then(received, frame)

    signal.signal(number, handle)
