"""Calls an idempotent tool again, under the same key, while nobody knows whether it has had its effect."""

import asyncio
from collections.abc import Mapping
from random import random
from typing import Any, Final

from pydantic import JsonValue

from apps.core.retry import Backoff, Remedy
from apps.tools.definitions import ToolCall, ToolDefinition
from apps.tools.effects import Effect
from apps.tools.exceptions import ToolCrashed, ToolFailed, ToolTimeout
from apps.tools.services.calling import call_tool

BACKOFF: Final = Backoff(attempts=3)


async def call_until_known(
    definition: ToolDefinition, call: ToolCall, arguments: Mapping[str, Any], *, backoff: Backoff = BACKOFF
) -> JsonValue:
    """`call_tool`, up to three times after a timeout or an unforeseen exception of an idempotent tool.

    The model must not be told to try again: its next call has another key, and its effect would come on top. When the
    last try leaves it open too, the error says `outcome_unknown`, as that of an unsafe tool does at once.
    """
    unknown: ToolFailed | None = None
    attempt = 1
    while True:
        try:
            return await call_tool(definition, call, arguments)
        except ToolFailed as error:
            if unknown is not None and isinstance(error, ToolTimeout) and not error.outcome_unknown:
                raise unknown from error  # no time is left to find out
            unknown = error
            again = _is_open(error) and definition.effect_under(call.config) == Effect.IDEMPOTENT
            pause = backoff.pause(Remedy.TRANSIENT, attempt=attempt, jitter=random()) if again else None  # noqa: S311
            if pause is None:
                raise
        attempt += 1
        await asyncio.sleep(pause)


def _is_open(error: ToolFailed) -> bool:
    """Whether the platform found that out; a tool that says so itself has tried as often as it wants to."""
    return error.outcome_unknown and isinstance(error, ToolTimeout | ToolCrashed)
