"""One call of a tool: what goes in, what comes out, and how it fails."""

import asyncio
import contextvars
import logging
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.core.exceptions import NotFound, Unavailable
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool
from apps.tools.definitions import ToolDefinition
from apps.tools.exceptions import ToolCrashed, ToolInputInvalid, ToolOutputInvalid, ToolTimeout
from apps.tools.services import call_tool
from apps.tools.services.calling import execute
from tests.unit.tools.calls import a_call, run_tool


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


def make(function: Any, **options: Any) -> ToolDefinition:
    function.__doc__ = function.__doc__ or "A tool."
    return tool(version="1.0.0", **options)(function)


def test_wrong_arguments_never_reach_the_function() -> None:
    called = []

    def add(call: ToolCall, a: int, b: int) -> int:
        called.append((a, b))
        return a + b

    with pytest.raises(ToolInputInvalid) as caught:
        run_tool(make(add), a="1", c=2)
    assert called == []
    assert caught.value.retryable is True
    assert {(fault.pointer, fault.code) for fault in caught.value.errors} == {
        ("/a", "type"),
        ("", "required"),
        ("", "additionalProperties"),
    }
    assert caught.value.message.startswith("Invalid arguments for add: ")
    assert "at /a: '1' is not of type 'integer' (type)" in caught.value.message


@pytest.mark.parametrize("arguments", [[1], "text", None, 1])
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    def f(call: ToolCall) -> None: ...

    with pytest.raises(ToolInputInvalid, match="is not of type 'object'"):
        asyncio.run(call_tool(make(f), a_call(), arguments))


def test_a_sync_tool_runs_in_a_thread_and_an_async_one_on_the_loop() -> None:
    marker = contextvars.ContextVar("marker", default="")

    def sync(call: ToolCall) -> list[str]:
        return [threading.current_thread().name.partition("_")[0], marker.get()]

    async def on_loop(call: ToolCall) -> list[str]:
        return [threading.current_thread().name, marker.get()]

    marker.set("run 1")
    assert run_tool(make(sync)) == ["tool", "run 1"]
    assert run_tool(make(on_loop)) == ["MainThread", "run 1"]


@pytest.mark.parametrize("effect", [Effect.READ_ONLY, Effect.IDEMPOTENT, Effect.UNSAFE])
def test_a_timeout_says_whether_the_tool_may_have_acted(effect: Effect) -> None:
    async def slow(call: ToolCall) -> None:
        await asyncio.sleep(30)

    with pytest.raises(ToolTimeout, match=r"slow gave no result within 0\.02 seconds") as caught:
        run_tool(make(slow, timeout_s=0.02, effect=effect))
    unknown = effect is not Effect.READ_ONLY
    assert (caught.value.code, caught.value.retryable, caught.value.outcome_unknown) == (
        "tool_timeout",
        not unknown,
        unknown,
    )


def test_a_sync_tool_times_out_too() -> None:
    release = threading.Event()

    def stuck(call: ToolCall) -> None:
        release.wait(30)

    async def attempt() -> float:
        started = time.monotonic()
        with pytest.raises(ToolTimeout):
            await call_tool(make(stuck, timeout_s=0.05), a_call(), {})
        return time.monotonic() - started

    try:
        assert asyncio.run(attempt()) < 5
    finally:
        release.set()


def test_a_call_that_no_thread_was_free_for_has_not_happened(settings: Any) -> None:
    release, called = threading.Event(), []

    def stuck(call: ToolCall) -> None:
        release.wait(30)

    def pay(call: ToolCall) -> None:
        called.append(1)

    async def attempt() -> ToolTimeout:
        stand_in = make(stuck, effect=Effect.READ_ONLY)
        busy = [asyncio.ensure_future(call_tool(stand_in, a_call(), {})) for _ in range(settings.CEF_TOOL_THREADS)]
        await asyncio.sleep(0)
        with pytest.raises(ToolTimeout) as caught:
            await call_tool(make(pay, timeout_s=0.05), a_call(), {})
        release.set()
        await asyncio.gather(*busy)
        return caught.value

    try:
        error = asyncio.run(attempt())
    finally:
        release.set()
    assert (error.outcome_unknown, called) == (False, [])


class SlowToSaySo(threading.Event):
    """A thread is held up between taking its call and noting that it has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.taken, self.go_on = threading.Event(), threading.Event()

    def set(self) -> None:
        if threading.current_thread().name.startswith("tool"):
            self.taken.set()
            self.go_on.wait(20)
        super().set()


def test_a_call_that_a_thread_has_just_taken_may_have_begun() -> None:
    """When the time is over at this very moment, the call is about to be made and cannot be taken back."""
    began, called = SlowToSaySo(), threading.Event()
    pay = make(lambda call: called.set(), name="pay")

    async def cut_off() -> bool:
        task = asyncio.ensure_future(execute(pay, pay.run, a_call(), {}, began=began))
        await asyncio.to_thread(began.taken.wait, 20)
        task.cancel()
        await asyncio.wait([task])
        return began.is_set() and not called.is_set()

    try:
        assert asyncio.run(cut_off())
    finally:
        began.go_on.set()
    assert called.wait(20)


class Lost(BaseException):
    """The run is another process's by now."""


class LostLedger:
    def begin(self) -> None:
        raise Lost


def test_a_call_that_may_not_begin_any_more_is_not_made() -> None:
    called = []

    def pay(call: ToolCall) -> None:
        called.append("thread")

    async def pay_on_the_loop(call: ToolCall) -> None:
        called.append("loop")

    for function in (pay, pay_on_the_loop):
        with pytest.raises(Lost):
            run_tool(make(function), a_call(ledger=LostLedger()))
    assert called == []


def test_the_deadline_of_the_run_is_a_limit_too() -> None:
    called = []

    async def slow(call: ToolCall) -> None:
        called.append(1)
        await asyncio.sleep(30)

    definition, now = make(slow), Clock().now()

    def attempt(left: float) -> ToolTimeout:
        call = a_call(deadline=now + timedelta(seconds=left))
        with pytest.raises(ToolTimeout) as caught:
            asyncio.run(call_tool(definition, call, {}, clock=Clock()))
        return caught.value

    assert "within 0.02 seconds" in attempt(0.02).message
    assert called == [1]
    late = attempt(-1)
    assert (late.message, late.outcome_unknown) == ("There is no time left to call slow.", False)
    assert called == [1]


def test_a_timeout_error_of_the_tool_itself_is_its_failure() -> None:
    async def remote(call: ToolCall) -> None:
        raise TimeoutError("upstream")

    with pytest.raises(ToolFailed) as caught:
        run_tool(make(remote))
    assert (type(caught.value), caught.value.code) == (ToolCrashed, "tool_failed")


def test_what_a_tool_raises_on_purpose_is_told_to_the_model() -> None:
    def closed(call: ToolCall) -> None:
        raise ToolFailed("The queue is closed.", code="queue_closed", retryable=True)

    with pytest.raises(ToolFailed) as caught:
        run_tool(make(closed))
    assert (caught.value.code, caught.value.message, caught.value.retryable) == (
        "queue_closed",
        "The queue is closed.",
        True,
    )


@pytest.mark.parametrize(("error", "retryable"), [(NotFound("No such note."), False), (Unavailable("Busy."), True)])
def test_refusals_of_the_platform_keep_their_words_and_code(error: Any, retryable: bool) -> None:
    def f(call: ToolCall) -> None:
        raise error

    with pytest.raises(ToolFailed) as caught:
        run_tool(make(f))
    assert (caught.value.code, caught.value.message, caught.value.retryable) == (error.code, error.message, retryable)


@pytest.mark.parametrize("effect", [Effect.READ_ONLY, Effect.IDEMPOTENT, Effect.UNSAFE])
def test_words_of_other_exceptions_stay_in_the_log(caplog: pytest.LogCaptureFixture, effect: Effect) -> None:
    """Nor do they say whether a tool has had its effect: the connection may have broken after sending."""

    def broken(call: ToolCall) -> None:
        raise ValueError("postgresql://cef:password@db/")

    with caplog.at_level(logging.ERROR), pytest.raises(ToolFailed) as caught:
        run_tool(make(broken, effect=effect))
    assert caught.value.message == "broken failed with ValueError."
    assert (caught.value.code, caught.value.retryable) == ("tool_failed", False)
    assert caught.value.outcome_unknown is (effect is not Effect.READ_ONLY)
    assert "password" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
def test_a_tool_that_would_end_the_process_only_fails(is_async: bool) -> None:
    """SystemExit would otherwise end the event loop, with every run on it."""

    def ends(call: ToolCall) -> None:
        sys.exit(2)

    async def ends_on_the_loop(call: ToolCall) -> None:
        sys.exit(2)

    with pytest.raises(ToolFailed, match="failed with SystemExit"):
        run_tool(make(ends_on_the_loop if is_async else ends))


def test_cancelling_is_not_failing() -> None:
    async def slow(call: ToolCall) -> None:
        await asyncio.sleep(30)

    async def attempt() -> None:
        task = asyncio.create_task(call_tool(make(slow), a_call(), {}))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(attempt())


def give(value: Any, **options: Any) -> Any:
    def giver(call: ToolCall):  # type: ignore[no-untyped-def]
        return value

    return run_tool(make(giver, **options))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        ((1, 2), [1, 2]),
        ({"a": {"b": [1.5, True, "x"]}}, {"a": {"b": [1.5, True, "x"]}}),
        ("NUL \0 and \ud800", "NUL \0 and \ud800"),
        (2**63, 2**63),
    ],
)
def test_a_result_is_what_the_journal_will_hold(value: Any, stored: Any) -> None:
    assert give(value) == stored
    assert type(give(value)) is type(stored)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", Decimal(1), lambda: 1])
def test_a_result_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ToolOutputInvalid, match="returned something that is not JSON"):
        give(value)


def test_a_result_that_breaks_its_schema_is_refused() -> None:
    with pytest.raises(ToolOutputInvalid, match="at /a: 'x' is not of type 'integer'") as caught:
        give({"a": "x"}, output_schema={"properties": {"a": {"type": "integer"}}})
    assert caught.value.code == "tool_output_invalid"

    def liar(call: ToolCall) -> int:
        return "three"  # type: ignore[return-value]

    with pytest.raises(ToolOutputInvalid):
        run_tool(make(liar))


def test_a_result_may_have_a_megabyte_and_no_more(settings: Any) -> None:
    settings.CEF_TOOL_RESULT_BYTES = 1_000_000
    assert len(give("x" * (settings.CEF_TOOL_RESULT_BYTES - 2))) == settings.CEF_TOOL_RESULT_BYTES - 2
    with pytest.raises(ToolOutputInvalid, match="1000001 bytes; 1000000 are accepted") as caught:
        give("x" * (settings.CEF_TOOL_RESULT_BYTES - 1))
    assert caught.value.code == "tool_result_too_large"


def test_a_large_result_is_checked_beside_the_event_loop() -> None:
    value = ["x"] * 20_000
    assert give(value, output_schema={"items": {"type": "string"}}) == value
    with pytest.raises(ToolOutputInvalid):
        give(value, output_schema={"items": {"type": "integer"}})


def test_a_call_leaves_its_effect_in_the_ledger_it_was_given() -> None:
    recorded: list[Any] = []

    class Ledger:
        def record(self, result: Any) -> None:
            recorded.append(result)

    a_call().record_effect({"lost": True})
    a_call(ledger=Ledger()).record_effect({"id": 1})
    assert recorded == [{"id": 1}]
