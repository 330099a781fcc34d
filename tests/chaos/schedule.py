"""Which fault strikes when and whom: all follows from the seed, so that a schedule can be printed and replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.options import Options

_FIRST_S: Final = 1.0
_LONGEST_PAUSES: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One fault at one moment: `seconds` is how long it lasts, where it lasts at all."""

    at: float
    fault: Fault
    target: str
    variant: str
    seconds: float

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        kind = f"{self.fault.number:>2} {self.fault.name:<20}"
        return f"{self.at:7.1f} s  {kind} {self.target:<6} {self.variant}{lasting}"


def schedule(options: Options, workers: Sequence[str]) -> list[Blow]:
    """The blows of a run, in order. Pauses are exponential, so that faults overlap as often as they stand alone."""
    dice = Random(f"{options.seed}/schedule")
    faults = [fault for fault in FAULTS if fault.weight and (not options.only or fault.number in options.only)]
    blows, at = [], _FIRST_S
    while at < options.duration_s and (options.count is None or len(blows) < options.count):
        blows.append(_blow(dice, at, faults, workers))
        at += min(dice.expovariate(1 / options.every_s), _LONGEST_PAUSES * options.every_s)
    return blows


def _blow(dice: Random, at: float, faults: Sequence[Fault], workers: Sequence[str]) -> Blow:
    fault = dice.choices(faults, [fault.weight for fault in faults])[0]
    return Blow(
        at=at,
        fault=fault,
        target=dice.choice(workers),
        variant=dice.choice(fault.variants),
        seconds=dice.uniform(*fault.seconds),
    )
