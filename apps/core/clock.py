"""Time as a value that code takes, so that a test can hold it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The wall clock and a clock that never goes back."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment of this process."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
