"""The time axis of a run's page: where a moment stands between 0 and 100 per cent; pure.

A run that failed on Friday and was resumed on Monday is one run. Idle stretches that would leave no room for the work
are therefore cut out and drawn as a short break.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Self

SHORTEST_CUT: Final = timedelta(seconds=30)
CUT_SHARE: Final = 0.25
"""Only idle stretches longer than this part of the whole are cut."""
BREAK_SHARE: Final = 0.03
"""How much of the axis a break takes."""
TICKS: Final = 6

_STEPS_S: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800,
    3600, 7200, 14_400, 28_800, 43_200, 86_400,
)  # fmt: skip

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Cut:
    """An idle stretch that is drawn as a break."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Axis:
    """From `start` to `end`, without the cuts."""

    start: datetime
    end: datetime
    cuts: tuple[Cut, ...] = ()

    @classmethod
    def over(cls, busy: Sequence[Interval]) -> Self:
        """An axis that shows all of these intervals, of which there must be at least one."""
        start, end = min(left for left, _ in busy), max(right for _, right in busy)
        return cls(start, end, tuple(_cuts(_merged(busy), end - start)))

    @property
    def worked(self) -> timedelta:
        """The length of what is drawn to scale; never zero."""
        idle = sum((cut.length for cut in self.cuts), timedelta())
        return max(self.end - self.start - idle, timedelta(milliseconds=1))

    def percent(self, moment: datetime) -> float:
        """Where the moment stands; moments outside the axis stand at its ends."""
        moment = min(max(moment, self.start), self.end)
        drawn, breaks = moment - self.start, 0.0
        for cut in self.cuts:
            if moment > cut.start:
                drawn -= min(moment, cut.end) - cut.start
                breaks += BREAK_SHARE * min((moment - cut.start) / cut.length, 1.0)
        scale = 1 - BREAK_SHARE * len(self.cuts)
        return 100 * (drawn / self.worked * scale + breaks)

    def ticks(self) -> list[tuple[float, timedelta]]:
        """Round offsets from the start and where they stand; only those before the first cut, after which they lie."""
        end = self.cuts[0].start if self.cuts else self.end
        step = timedelta(seconds=next((s for s in _STEPS_S if self.worked.total_seconds() / s <= TICKS), _STEPS_S[-1]))
        number = min(int((end - self.start) / step), TICKS)
        return [(self.percent(self.start + n * step), n * step) for n in range(number + 1)]


def _merged(busy: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(busy):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cuts(merged: Sequence[Interval], span: timedelta) -> Iterable[Cut]:
    for (_, idle_from), (idle_to, _) in pairwise(merged):
        if idle_to - idle_from > max(SHORTEST_CUT, span * CUT_SHARE):
            yield Cut(idle_from, idle_to)
