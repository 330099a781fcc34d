"""What a run of the suite is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_QUICK: Final = {
    "CEF_LEASE_SECONDS": "4",
    "CEF_HEARTBEAT_SECONDS": "1",
    "CEF_POLL_SECONDS": "1",
    "CEF_DRAIN_SECONDS": "6",
    "CEF_CONSUMER_SECONDS": "20",
}
_LEASE_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`duration_s` is the time under faults, of each arm; `every_s` the mean pause between two faults."""

    seed: int = 7
    duration_s: float = 300.0
    workers: int = 4
    rate: float = 4.0
    outstanding: int = 60
    every_s: float = 2.0
    production_timings: bool = False
    only: tuple[int, ...] = ()
    count: int | None = None
    keep: Path | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables of every process of the engine."""
        return {} if self.production_timings else dict(_QUICK)

    @property
    def lease_s(self) -> float:
        """How long a silent worker keeps its runs."""
        return float(self.settings.get("CEF_LEASE_SECONDS", _LEASE_S))
