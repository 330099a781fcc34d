"""What a run may spend; pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Ceilings of one run: model and tool steps, tokens in and out together, USD, seconds of life. None is no limit."""

    steps: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Limits":
        """From a row's JSON; keys of other versions of the code are ignored."""
        names = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in stored.items() if key in names})

    def tightened_by(self, other: "Limits") -> "Limits":
        """The lower of both, ceiling by ceiling: a caller may lower an agent's limits and never raise them."""
        mine, theirs = asdict(self), asdict(other)
        return Limits.of({name: _lower(mine[name], theirs[name]) for name in mine})

    def stored(self) -> dict[str, Any]:
        """JSON for a row, without the ceilings that are not set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a run has used so far."""

    steps: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)


def exhausted(limits: Limits, spent: Spent) -> str | None:
    """The sentence that refuses the next call, or None while every ceiling is above what was spent."""
    if limits.steps is not None and spent.steps >= limits.steps:
        return f"The run has used its {limits.steps} steps."
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"The run has used {spent.tokens} of its {limits.tokens} tokens."
    if limits.usd is not None and spent.usd >= Decimal(str(limits.usd)):
        return f"The run has spent {spent.usd} of its {limits.usd} USD."
    return None


def _lower(mine: float | None, theirs: float | None) -> float | None:
    values = [value for value in (mine, theirs) if value is not None]
    return min(values) if values else None
