"""What a tool's check found out about a call of which nobody knows how it ended: plain values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Happened:
    """The effect is there; `result` is what the call would have returned."""

    result: Any


@dataclass(frozen=True, slots=True)
class DidNotHappen:
    """The effect is not there, and will not come any more: the call may be made again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The check cannot tell; a person decides."""


Finding = Happened | DidNotHappen | Unknown
