"""Calls of idempotent tools whose outcome nobody knows."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.retry import Backoff
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool
from apps.tools.exceptions import ToolTimeout
from apps.tools.services.repeating import call_until_known
from tests.unit.tools.calls import a_call

QUICK = Backoff(attempts=3, first_delay_s=0.001)


def keys_of(outcomes: list[Any], effect: Effect, call: ToolCall | None = None, **options: Any) -> tuple[list[str], Any]:
    """The keys under which a tool was called that ends so, one time after the other; its result or failure."""
    keys: list[str] = []

    async def book(call: ToolCall) -> str:
        """Book a room."""
        keys.append(call.idempotency_key)
        outcome = outcomes[len(keys) - 1]
        if isinstance(outcome, Callable):
            await outcome()
        if isinstance(outcome, BaseException):
            raise outcome
        return str(outcome)

    definition = tool(version="1.0.0", effect=effect, **options)(book)
    try:
        return keys, asyncio.run(call_until_known(definition, call or a_call(), {}, backoff=QUICK))
    except ToolFailed as error:
        return keys, error


async def hang() -> None:
    await asyncio.sleep(30)


def test_it_works() -> None:
    """A dropped connection, silence, then an answer: three calls under one key."""
    keys, result = keys_of([ConnectionResetError(), hang, "room 7"], Effect.IDEMPOTENT, timeout_s=0.02)
    assert result == "room 7"
    assert keys == [a_call().idempotency_key] * 3


def test_in_the_end_nobody_knows() -> None:
    keys, error = keys_of([ConnectionResetError()] * 3, Effect.IDEMPOTENT)
    assert (len(keys), error.outcome_unknown, error.message) == (3, True, "book failed with ConnectionResetError.")


@pytest.mark.parametrize(("effect", "unknown"), [(Effect.UNSAFE, True), (Effect.READ_ONLY, False)])
def test_others_are_called_once(effect: Effect, unknown: bool) -> None:
    """An unsafe one must not be called again; of one that only reads the model is told, and may."""
    keys, error = keys_of([ConnectionResetError(), "room 7"], effect)
    assert (len(keys), error.outcome_unknown) == (1, unknown)


@pytest.mark.parametrize("unknown", [False, True])
def test_what_the_tool_says_itself_stands(unknown: bool) -> None:
    keys, error = keys_of([ToolFailed("The hotel is closed.", outcome_unknown=unknown)], Effect.IDEMPOTENT)
    assert (len(keys), error.message, error.outcome_unknown) == (1, "The hotel is closed.", unknown)


def test_a_refusal_behind_silence_settles_it() -> None:
    keys, error = keys_of([hang, ToolFailed("No rooms.")], Effect.IDEMPOTENT, timeout_s=0.02)
    assert (len(keys), error.message, error.outcome_unknown) == (2, "No rooms.", False)


def test_without_time_for_another_call_it_stays_open() -> None:
    """That there is no time left does not say that nothing has happened."""
    call = replace(a_call(), deadline=timezone.now() + timedelta(seconds=0.05))
    keys, error = keys_of([hang, "room 7"], Effect.IDEMPOTENT, call)
    assert (len(keys), type(error), error.outcome_unknown) == (1, ToolTimeout, True)
