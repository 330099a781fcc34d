"""What each run of the load is to do; pure, so that client, model server and both arms agree without talking."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final

TOOLS: Final = {"look_up": "read_only", "reserve": "idempotent", "charge": "unsafe"}
"""The tools of the load and their effects."""

_WEIGHTS: Final = (0.35, 0.35, 0.30)
_PARALLEL: Final = 0.2
_STREAMING: Final = 0.25
_IN_THREAD: Final = 0.2
_CANCELLED: Final = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run: in each turn the model calls the named tools, after the last it answers, at length if it is told to."""

    id: str
    turns: tuple[tuple[str, ...], ...]
    agent: str = "plain"
    in_thread: bool = False
    cancel_after_s: float | None = None
    kilobytes: int = 0

    @property
    def text(self) -> str:
        """The prompt, in which the model server reads what to do."""
        return json.dumps({"case": self.id, "turns": self.turns, "kilobytes": self.kilobytes})


def case(seed: int, number: int) -> Case:
    """The case of this number under this seed."""
    dice = Random(f"{seed}/case/{number}")
    return Case(
        id=f"{seed}-{number}",
        turns=tuple(_turn(dice) for _ in range(dice.randint(1, 4))),
        agent="streaming" if dice.random() < _STREAMING else "plain",
        in_thread=dice.random() < _IN_THREAD,
        cancel_after_s=dice.uniform(0, 4) if dice.random() < _CANCELLED else None,
    )


def read_case(text: str) -> dict[str, Any] | None:
    """What a prompt asks the model server for: `case` and `turns`; None when it is no case."""
    if not text.startswith('{"case"'):
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def _turn(dice: Random) -> tuple[str, ...]:
    count = 2 if dice.random() < _PARALLEL else 1
    return tuple(dice.choices(tuple(TOOLS), _WEIGHTS, k=count))
