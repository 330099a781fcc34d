"""A run's steps as a waterfall: one row each, bars on a shared time axis; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from apps.runs.admin import words
from apps.runs.admin.axis import Axis, Interval
from apps.runs.states import REUSED, RunStatus

NARROWEST: Final = 0.4
"""Per cent of the axis that the shortest bar takes."""
LAST_LABEL: Final = 88
"""Where a bar must end for its label to stand behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The moments of a run's row that its timeline shows."""

    status: RunStatus
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: `left` and `width` in per cent of the axis, `first_token` in per cent of the bar, as CSS wants them.

    `flips` says that the label stands before the bar, because there is no room behind it.
    """

    kind: str
    name: str
    left: str
    width: str
    offset: str
    duration: str
    flips: bool = False
    n: int | None = None
    first_token: str | None = None
    first_token_label: str = ""
    tokens: str = ""
    cost: str = ""
    error: str = ""
    is_reused: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A round offset, or a break, on the axis."""

    left: str
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the page draws."""

    rows: tuple[Row, ...]
    ticks: tuple[Mark, ...]
    breaks: tuple[Mark, ...]


def build_timeline(run: Times, steps: Sequence[dict[str, Any]], now: datetime) -> Timeline:
    """The waterfall of rows of `selectors.steps_of`, with the waits before and after them."""
    waits = [_waiting_for_worker(run, steps, now), *_unfinished(run, steps, now)]
    axis = Axis.over([_interval(step) for step in steps] + [(wait.start, wait.end) for wait in waits if wait])
    rows = [_step_row(step, axis) for step in steps]
    before = [_wait_row(wait, axis) for wait in waits[:1] if wait]
    after = [_wait_row(wait, axis) for wait in waits[1:] if wait]
    ticks = tuple(Mark(_css(at), words.duration(offset) if offset else "0") for at, offset in axis.ticks())
    breaks = tuple(Mark(_css(axis.percent(cut.start)), words.duration(cut.length)) for cut in axis.cuts)
    reused = sum(row.is_reused for row in rows)
    return Timeline((*rows[:reused], *before, *rows[reused:], *after), ticks, breaks)


@dataclass(frozen=True, slots=True)
class _Wait:
    kind: str
    name: str
    start: datetime
    end: datetime
    error: str = ""


def _waiting_for_worker(run: Times, steps: Sequence[dict[str, Any]], now: datetime) -> _Wait | None:
    """From the run's creation until a worker took it for the first time."""
    end = run.started_at or run.finished_at or (now if run.status == RunStatus.QUEUED else None)
    if end is None or (steps and steps[0]["n"] > 1):
        return None
    return _Wait("queue", "waiting for a worker", run.created_at, max(end, run.created_at))


def _unfinished(run: Times, steps: Sequence[dict[str, Any]], now: datetime) -> Iterable[_Wait]:
    """What is not a recorded step: the one under way, the wait, the step that failed."""
    since = max((step["finished_at"] for step in steps), default=run.started_at or run.created_at)
    if run.status == RunStatus.RUNNING:
        yield _Wait("pending", "working", min(since, now), now)
    elif run.status == RunStatus.QUEUED and run.started_at is not None:
        yield _Wait("queue", "waiting for a worker", min(run.queued_at, now), now)
    elif run.status == RunStatus.WAITING:
        yield _Wait("queue", "waiting", min(since, now), now)
    elif run.status == RunStatus.FAILED and run.finished_at is not None:
        yield _Wait("failed", "failed", min(since, run.finished_at), run.finished_at, run.error_code)


def _interval(step: dict[str, Any]) -> Interval:
    return step["started_at"], max(step["started_at"], step["finished_at"])


def _wait_row(wait: _Wait, axis: Axis) -> Row:
    return Row(
        kind=wait.kind,
        name=wait.name,
        **_place(axis, (wait.start, wait.end)),
        offset=_offset(wait.start, axis),
        duration=words.duration(wait.end - wait.start),
        error=wait.error,
    )


def _step_row(step: dict[str, Any], axis: Axis) -> Row:
    start, end = _interval(step)
    ttft = step["first_token_ms"]
    return Row(
        n=step["n"],
        kind=step["kind"],
        name=step["name"],
        **_place(axis, (start, end)),
        offset=_offset(start, axis),
        duration=words.duration(end - start),
        first_token=None if ttft is None else _css(_part(timedelta(milliseconds=ttft), end - start)),
        first_token_label="" if ttft is None else words.duration(timedelta(milliseconds=ttft)),
        tokens=_tokens(step),
        cost=words.usd(step["cost_usd"]) if step["cost_usd"] != Decimal(0) else "",
        error=step["error_code"],
        is_reused=step["epoch"] == REUSED,
    )


def _tokens(step: dict[str, Any]) -> str:
    if not step["input_tokens"] and not step["output_tokens"]:
        return ""
    return f"{words.count(step['input_tokens'])} → {words.count(step['output_tokens'])}"


def _place(axis: Axis, interval: Interval) -> dict[str, Any]:
    """Left and width, at least a hair wide and never beyond the axis."""
    left, right = map(axis.percent, interval)
    width = max(right - left, NARROWEST)
    left = min(left, 100 - width)
    return {"left": _css(left), "width": _css(width), "flips": left + width > LAST_LABEL}


def _part(part: timedelta, whole: timedelta) -> float:
    return min(100.0, 100 * (part / whole)) if whole else 100.0


def _offset(moment: datetime, axis: Axis) -> str:
    return f"+{words.duration(max(moment - axis.start, timedelta()))}"


def _css(number: float) -> str:
    return f"{number:.3f}"
