"""Runs one tool once: checked arguments in, a checked JSON result out, and nothing but ToolFailed when it fails."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import Any, Final, cast

from django.conf import settings
from django.db import DatabaseError, connections
from pydantic import JsonValue, ValidationError
from pydantic_core import PydanticSerializationError

from apps.core.canonical import dump, load
from apps.core.clock import Clock, SystemClock
from apps.core.exceptions import CefError, Fault, InvalidInput
from apps.core.retry import Remedy, remedy_of
from apps.tools.definitions import ToolCall, ToolDefinition
from apps.tools.effects import Effect
from apps.tools.exceptions import (
    ResultTooLarge,
    ToolCrashed,
    ToolFailed,
    ToolInputInvalid,
    ToolOutputInvalid,
    ToolTimeout,
)
from apps.tools.schemas import faults, sentence

logger = logging.getLogger(__name__)

# A larger result is checked in a thread, so that the event loop goes on meanwhile.
_INLINE_BYTES: Final = 32 * 1024


async def call_tool(
    definition: ToolDefinition, call: ToolCall, arguments: Mapping[str, Any], *, clock: Clock | None = None
) -> JsonValue:
    """The tool's result, exactly as a later reader of the journal will load it.

    A sync tool runs in one of CEF_TOOL_THREADS threads, whose database connection is closed afterwards; waiting for a
    free one counts against the time limit, which is the tool's or what the call's deadline leaves. A thread cannot be
    stopped: after a timeout the function may still come to its end, and what it brings then is left in the ledger.

    Of a tool that changes something only a ToolFailed of its own, or a refusal of the platform, says that nothing has
    happened. After a timeout and after any other exception its outcome is unknown.

    Raises ToolInputInvalid (the message tells a model what to correct), ToolTimeout, ToolOutputInvalid, or ToolFailed
    with the tool's own code.
    """
    prepared = check_arguments(definition, arguments)
    if definition.defers:
        raise ToolFailed(f"{definition.name} waits, and only an agent's run can wait.", code="not_in_a_run")
    seconds = _seconds(definition, call, clock or SystemClock())
    if seconds <= 0:
        raise ToolTimeout(f"There is no time left to call {definition.name}.")
    began = threading.Event()
    try:
        async with asyncio.timeout(seconds) as limit:
            value = await execute(definition, definition.run, call, prepared, began=began)
    except TimeoutError as error:
        if limit.expired():
            raise _timeout(definition, call, seconds, began=began.is_set()) from error
        raise _failure(definition, call, error) from error
    except ToolFailed:
        raise
    except InvalidInput as error:
        raise ToolInputInvalid(error.message, errors=error.errors) from error
    except CefError as error:
        raise ToolFailed(error.message, code=error.code, retryable=remedy_of(error) is Remedy.TRANSIENT) from error
    # A tool is foreign code: the run must go on whatever it raises. SystemExit would end the loop with all its runs.
    except (Exception, SystemExit) as error:
        raise _failure(definition, call, error) from error
    return await checked(definition, value)


def check_arguments(definition: ToolDefinition, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function takes them. Raises ToolInputInvalid."""
    found = faults(definition.input_validator, arguments)
    if found:
        raise ToolInputInvalid(f"Invalid arguments for {definition.name}: {sentence(found)}.", errors=found)
    if definition.arguments is None:
        return dict(arguments)
    try:
        return definition.arguments(dict(arguments))
    except ValidationError as error:
        found = tuple(_fault(item) for item in error.errors(include_url=False, include_context=False))
        raise ToolInputInvalid(f"Invalid arguments for {definition.name}: {sentence(found)}.", errors=found) from None


def _fault(item: Any) -> Fault:
    return Fault("".join(f"/{part}" for part in item["loc"]), str(item["type"]), str(item["msg"]))


def _seconds(definition: ToolDefinition, call: ToolCall, clock: Clock) -> float:
    if call.deadline is None:
        return definition.timeout_s
    left = (call.deadline - clock.now()).total_seconds()
    return min(definition.timeout_s, left)


async def execute(
    definition: ToolDefinition,
    function: Callable[..., Any],
    call: ToolCall,
    arguments: Mapping[str, Any],
    *,
    began: threading.Event,
) -> Any:
    """What one of the tool's functions returns, called where it wants to be: on the loop, or in a thread.

    `began` is set when it is called: a thread may not be free in time. Raises what the call's ledger raises when it may
    not begin any more.
    """
    if inspect.iscoroutinefunction(function):
        _begin(call, began)
        return await function(call, **arguments)
    future = _submit(partial(_closing, partial(_in_thread, call, began, partial(function, call, **arguments))))
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        # A thread that has just taken the call may not have come to say so.
        if not future.cancel():
            began.set()
        # The thread goes on. Its result is stored from another one, for a callback may run on the event loop.
        if function is definition.run and definition.effect_under(call.config) == Effect.UNSAFE:
            keep = partial(_keep_late, definition, call)
            future.add_done_callback(lambda done: _submit(partial(_closing, partial(keep, done))))
        raise


def _in_thread(call: ToolCall, began: threading.Event, function: Callable[[], Any]) -> Any:
    _begin(call, began)
    return function()


def _begin(call: ToolCall, began: threading.Event) -> None:
    if call.ledger is not None:
        call.ledger.begin()
    began.set()


def _keep_late(definition: ToolDefinition, call: ToolCall, done: "Future[Any]") -> None:
    if done.cancelled() or done.exception() is not None or call.ledger is None:
        return
    try:
        call.ledger.late(load(_encode(definition, done.result())))
    except (ToolFailed, DatabaseError) as error:
        logger.warning("A late result of %s is lost.", definition.label, exc_info=error)


def _submit(function: Callable[[], Any]) -> "Future[Any]":
    # The context carries the run's ids into the log lines of the thread.
    return _threads().submit(copy_context().run, function)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.CEF_TOOL_THREADS, thread_name_prefix="tool")


def _closing(function: Any) -> Any:
    """Call, then give the thread's database connections back: idle threads must not hold any."""
    try:
        return function()
    finally:
        connections.close_all()


async def checked(definition: ToolDefinition, value: Any) -> JsonValue:
    """The value as JSON, if it is what the tool declared. Raises ToolOutputInvalid."""
    encoded = _encode(definition, value)
    check = partial(_check_result, definition, encoded)
    return cast(JsonValue, check() if len(encoded) <= _INLINE_BYTES else await asyncio.wrap_future(_submit(check)))


def _encode(definition: ToolDefinition, value: Any) -> bytes:
    try:
        if definition.returns is not None:
            value = definition.returns.dump_python(value, mode="json", warnings="error", by_alias=True)
        encoded = dump(value)
    except (ValueError, TypeError, RecursionError, PydanticSerializationError) as error:
        raise ToolOutputInvalid(f"{definition.name} returned something that is not JSON.") from error
    if len(encoded) > settings.CEF_TOOL_RESULT_BYTES:
        limit = settings.CEF_TOOL_RESULT_BYTES
        raise ResultTooLarge(f"{definition.name} returned {len(encoded)} bytes; {limit} are accepted.")
    return encoded


def _check_result(definition: ToolDefinition, encoded: bytes) -> Any:
    value = load(encoded)
    if definition.output_validator is not None and (found := faults(definition.output_validator, value)):
        raise ToolOutputInvalid(f"The result of {definition.name} breaks its schema: {sentence(found)}.")
    return value


def _timeout(definition: ToolDefinition, call: ToolCall, seconds: float, *, began: bool) -> ToolTimeout:
    unknown = began and definition.effect_under(call.config) != Effect.READ_ONLY
    message = f"{definition.name} gave no result within {seconds:g} seconds."
    return ToolTimeout(message, retryable=not unknown, outcome_unknown=unknown)


def _failure(definition: ToolDefinition, call: ToolCall, error: BaseException) -> ToolCrashed:
    """What the model may know of an unforeseen exception: its kind. Its words may hold secrets and go to the log."""
    logger.error("The tool %s failed.", definition.label, exc_info=error)
    unknown = definition.effect_under(call.config) != Effect.READ_ONLY
    return ToolCrashed(f"{definition.name} failed with {type(error).__name__}.", outcome_unknown=unknown)
