"""What the page shows of two runs side by side."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any, Final

from django.db.models import Q

from apps.runs.admin import words
from apps.runs.comparing import compare_runs
from apps.runs.models import Run

PAIRS_SHOWN: Final = 500
RELATIVES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer; `differs` says that the other answer has it otherwise."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A run's answer, cut into what both said and what only it said."""

    pieces: tuple[Piece, ...]
    is_prose: bool
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of both runs, and by how much the other's is more; empty when they are the same."""

    label: str
    mine: str
    theirs: str
    more: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A step of one of the runs."""

    n: int
    kind: str
    name: str
    told: str
    error: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two steps that stand beside each other; `sign` is one of `=`, `≠`, `<` and `>`."""

    sign: str
    says: str
    mine: Cell | None
    theirs: Cell | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both runs, and a page of their steps; `next` is the number of the first pair of the next page."""

    same_output: bool
    answers: tuple[Answer | None, Answer | None]
    figures: tuple[Figure, ...]
    pairs: tuple[Pair, ...]
    total: int
    first: int
    next: int | None
    first_difference: int | None
    differences: int

    @property
    def shows_first_difference(self) -> bool:
        """Whether the first pair that differs is on this page."""
        if self.first_difference is None:
            return False
        return self.first <= self.first_difference < self.first + PAIRS_SHOWN


def comparison(run: Run, other: Run, first: int) -> Comparison:
    """The two runs as `compare_runs` tells of them. Raises RunNotFound for runs of two workspaces."""
    told = compare_runs(run.workspace_id, run.id, other.id)
    steps = told["steps"]
    following = first + PAIRS_SHOWN
    difference = told["first_difference"]
    return Comparison(
        same_output=told["same_output"],
        answers=_answers(told["run"]["output"], told["other"]["output"]),
        figures=tuple(_figures(told["run"], told["other"])),
        pairs=tuple(_pair(pair) for pair in steps[first - 1 : following - 1]),
        total=len(steps),
        first=first,
        next=following if len(steps) >= following else None,
        first_difference=None if difference is None else difference + 1,
        differences=sum(not pair["same"] for pair in steps),
    )


def relatives_of(run: Run) -> list[Run]:
    """Whom one would compare it with: its original, its reruns, and other reruns of its original; the newest first."""
    related = Q(rerun_of_id=run.id)
    if run.rerun_of_id:
        related |= Q(id=run.rerun_of_id) | Q(rerun_of_id=run.rerun_of_id)
    runs = Run.objects.filter(related, workspace_id=run.workspace_id).exclude(id=run.id).order_by("-id")
    rows = runs.select_related("agent_version__agent").defer("input", "output", "messages")
    return list(rows[:RELATIVES_SHOWN])


def _answers(mine: Any, theirs: Any) -> tuple[Answer | None, Answer | None]:
    left, right = (None if value is None else words.shown_value(value, 0) for value in (mine, theirs))
    if left is None or right is None:
        return _whole(left), _whole(right)
    cut = re.compile(r"(\s+)" if left.is_prose and right.is_prose else r"(\n)")
    a, b = cut.split(left.text), cut.split(right.text)
    blocks = SequenceMatcher(None, a, b).get_opcodes()
    ours = _pieces(a, ((tag != "equal", low, high) for tag, low, high, _, _ in blocks))
    others = _pieces(b, ((tag != "equal", low, high) for tag, _, _, low, high in blocks))
    return Answer(ours, left.is_prose, left.is_cut), Answer(others, right.is_prose, right.is_cut)


def _whole(shown: words.Shown | None) -> Answer | None:
    return None if shown is None else Answer((Piece(shown.text, differs=False),), shown.is_prose, shown.is_cut)


def _pieces(parts: Sequence[str], stretches: Iterable[tuple[bool, int, int]]) -> tuple[Piece, ...]:
    return tuple(Piece("".join(parts[low:high]), differs) for differs, low, high in stretches if low < high)


def _figures(mine: dict[str, Any], theirs: dict[str, Any]) -> Iterable[Figure]:
    sides = (mine, theirs)
    yield _figure("Duration", [_worked(side) for side in sides], words.duration)
    for label, name in (("Steps", "steps"), ("Model calls", "model_calls")):
        yield _figure(label, [side["usage"][name] for side in sides], str)
    for label, name in (("Tokens in", "input_tokens"), ("Tokens out", "output_tokens")):
        yield _figure(label, [side["usage"][name] for side in sides], words.count)
    yield _figure("Cost", [Decimal(side["usage"]["cost_usd"]) for side in sides], words.usd)


def _figure(label: str, values: Sequence[Any], write: Callable[[Any], str]) -> Figure:
    mine, theirs = values
    more = ""
    if mine is not None and theirs is not None and mine != theirs:
        more = f"+{write(theirs - mine)}" if theirs > mine else f"−{write(mine - theirs)}"
    return Figure(label, write(mine), write(theirs), more)


def _worked(run: dict[str, Any]) -> timedelta | None:
    began: datetime | None = run["started_at"]
    ended: datetime | None = run["finished_at"]
    return None if began is None or ended is None else ended - began


def _pair(pair: dict[str, Any]) -> Pair:
    mine, theirs = (_cell(pair[side]) for side in ("run", "other"))
    if pair["same"]:
        return Pair("=", "the same", mine, theirs)
    if mine is not None and theirs is not None:
        return Pair("≠", "differs", mine, theirs)
    return Pair("<", "only here", mine, None) if mine is not None else Pair(">", "only there", None, theirs)


def _cell(step: dict[str, Any] | None) -> Cell | None:
    if step is None:
        return None
    usage = step["usage"]
    tokens = f"{words.count(usage['input_tokens'])} → {words.count(usage['output_tokens'])}"
    spent = [tokens] if usage["input_tokens"] or usage["output_tokens"] else []
    took = [] if step["reused"] else [words.duration(timedelta(milliseconds=step["duration_ms"]))]
    return Cell(
        n=step["n"],
        kind=step["kind"],
        name=step["name"],
        told=" · ".join([*took, *spent]),
        error=step["error_code"] or "",
        reused=step["reused"],
    )
