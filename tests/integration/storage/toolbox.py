"""Tools whose results are large."""

from collections import Counter

from django.db import transaction

from apps.tools.declaration import Effect, ToolCall, tool
from tests.integration.storage.texts import words

calls: Counter[str] = Counter()


def reset() -> None:
    """As before the first test."""
    calls.clear()


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def write(call: ToolCall, count: int) -> str:
    """So many words."""
    calls["write"] += 1
    return words(count)


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def write_and_settle(call: ToolCall, count: int) -> str:
    """So many words, left in the ledger with the tool's own writes."""
    with transaction.atomic():
        call.record_effect(words(count))
    return words(count)


@tool(version="1.0.0")
def fill(call: ToolCall, size: int) -> str:
    """So many letters."""
    calls["fill"] += 1
    return "x" * size


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def sheet(call: ToolCall, n: int, size: int) -> str:
    """So many words that no two numbers share."""
    calls["sheet"] += 1
    return words(size, seed=n)
