"""What a fault is, and what it may touch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.arm import Arm


class Struck(Protocol):
    """One blow, as a fault sees it."""

    @property
    def target(self) -> str: ...

    @property
    def variant(self) -> str: ...

    @property
    def seconds(self) -> float: ...


class World(Protocol):
    """What a fault may do things to."""

    arm: Arm

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this in so many seconds, or when the faults end."""
        ...

    def start_redis(self) -> None:
        """Start it if it is away."""
        ...

    def start_postgres(self) -> None:
        """Start it if it is away."""
        ...


Strike = Callable[[World, Struck], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A kind of fault, by its number in the table; `weight` is its share of the schedule, 0 keeps it out.

    `variants` are ways to do it, `seconds` the range of how long it lasts.
    """

    number: int
    name: str
    strike: Strike
    weight: int
    variants: tuple[str, ...] = ("",)
    seconds: tuple[float, float] = (0.0, 0.0)
