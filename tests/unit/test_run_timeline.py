"""A run's steps on the time axis of its page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.runs.admin.axis import Axis, Cut
from apps.runs.admin.timeline import Mark, Times, build_timeline
from apps.runs.states import RunStatus

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(n: int, start: float, end: float, **fields: Any) -> dict[str, Any]:
    return {
        "n": n, "kind": "model", "name": "acme:large", "tool_call_id": "", "epoch": 1, "error_code": "",
        "started_at": at(start), "finished_at": at(end), "first_token_ms": None,
        "input_tokens": 0, "output_tokens": 0, "cost_usd": Decimal(0),
    } | fields  # fmt: skip


def times(status: RunStatus, **fields: Any) -> Times:
    known = {"created_at": at(0), "queued_at": at(0), "started_at": at(0), "finished_at": None}
    return Times(status=status, **(known | fields))


def test_it_works() -> None:
    steps = [
        step(1, 0, 4, first_token_ms=1000, input_tokens=812, output_tokens=64, cost_usd=Decimal("0.000161")),
        step(2, 4, 5, kind="tool", name="search"),
        step(3, 5, 10),
    ]
    timeline = build_timeline(times(RunStatus.SUCCEEDED, finished_at=at(10)), steps, at(99))
    waited, model, tool, last = timeline.rows
    assert (waited.kind, waited.n, waited.duration) == ("queue", None, "0 ms")
    assert (model.n, model.kind, model.name) == (1, "model", "acme:large")
    assert (model.left, model.width, model.offset, model.duration) == ("0.000", "40.000", "+0 ms", "4.0 s")
    assert (model.first_token, model.first_token_label) == ("25.000", "1.0 s")
    assert (model.tokens, model.cost) == ("812 → 64", "$0.00016")
    assert (tool.left, tool.width, tool.offset, tool.tokens, tool.cost) == ("40.000", "10.000", "+4.0 s", "", "")
    assert (last.left, last.width, last.flips, model.flips) == ("50.000", "50.000", True, False)
    assert timeline.ticks[:3] == (Mark("0.000", "0"), Mark("20.000", "2.0 s"), Mark("40.000", "4.0 s"))
    assert timeline.breaks == ()


def test_a_short_step_is_seen() -> None:
    steps = [step(1, 0, 99.999), step(2, 99.999, 100)]
    timeline = build_timeline(times(RunStatus.SUCCEEDED, finished_at=at(100)), steps, at(100))
    assert (timeline.rows[-1].left, timeline.rows[-1].width) == ("99.600", "0.400")


def test_a_step_under_way_reaches_to_now() -> None:
    timeline = build_timeline(times(RunStatus.RUNNING, started_at=at(1)), [step(1, 1, 5)], at(10))
    assert [row.kind for row in timeline.rows] == ["queue", "model", "pending"]
    pending = timeline.rows[-1]
    assert (pending.left, pending.width, pending.duration, pending.n) == ("50.000", "50.000", "5.0 s", None)


def test_a_queued_run_shows_how_long_it_waits() -> None:
    timeline = build_timeline(times(RunStatus.QUEUED, started_at=None), [], at(3))
    assert [(row.kind, row.name, row.duration) for row in timeline.rows] == [("queue", "waiting for a worker", "3.0 s")]


def test_a_failed_run_ends_in_red() -> None:
    run = times(RunStatus.FAILED, finished_at=at(8), error_code="model_unavailable")
    last = build_timeline(run, [step(1, 0, 2)], at(99)).rows[-1]
    assert (last.kind, last.error, last.offset, last.duration) == ("failed", "model_unavailable", "+2.0 s", "6.0 s")


def test_a_failed_step_is_named() -> None:
    rows = build_timeline(times(RunStatus.RUNNING), [step(1, 0, 2, error_code="timeout")], at(3)).rows
    assert rows[1].error == "timeout"


def test_days_without_work_are_cut_out() -> None:
    monday = 3 * 86_400
    steps = [step(1, 0, 4), step(2, monday, monday + 6)]
    timeline = build_timeline(times(RunStatus.SUCCEEDED, finished_at=at(monday + 6)), steps, at(monday + 9))
    assert timeline.breaks == (Mark("38.800", "2 d 23 h"),)
    first, second = timeline.rows[1:]
    assert (first.left, first.width) == ("0.000", "38.800")
    assert (second.left, second.width) == ("41.800", "58.200")
    assert second.offset == "+3 d 0 h"
    assert {tick.label for tick in timeline.ticks} == {"0", "2.0 s", "4.0 s"}


def test_a_page_of_later_steps_has_its_own_axis() -> None:
    rows = build_timeline(times(RunStatus.SUCCEEDED, finished_at=at(9)), [step(501, 8, 9)], at(9)).rows
    assert [(row.n, row.left, row.offset) for row in rows] == [(501, "0.000", "+0 ms")]


@pytest.mark.parametrize("end", [0.0, 0.002, 0.9, 7.0, 59.0, 3600.0, 86_400.0 * 40])
def test_the_axis_has_few_ticks_within_itself(end: float) -> None:
    axis = Axis.over([(at(0), at(end))])
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(0 <= place <= 100 for place, _ in ticks)
    assert (axis.percent(at(-1)), axis.percent(at(end + 1))) == (0, 100 if end else 0)


def test_a_pause_within_busy_work_is_not_cut() -> None:
    assert Axis.over([(at(0), at(100)), (at(120), at(200))]).cuts == ()
    assert Axis.over([(at(0), at(10)), (at(50), at(60))]).cuts == (Cut(at(10), at(50)),)


def test_a_rerun_waits_after_what_it_reuses() -> None:
    steps = [step(1, -9, -8, epoch=0), step(2, 3, 4)]
    timeline = build_timeline(times(RunStatus.SUCCEEDED, started_at=at(2), finished_at=at(4)), steps, at(9))
    assert [(row.n, row.is_reused) for row in timeline.rows] == [(1, True), (None, False), (2, False)]
