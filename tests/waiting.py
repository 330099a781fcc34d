"""Waiting for what other threads and processes are about to do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(question: Callable[[], T], *, within_s: float = 30) -> T:
    """The first truthy answer; fails when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline, f"Nothing within {within_s} s, last {answer!r}."
        time.sleep(0.02)
    return answer
