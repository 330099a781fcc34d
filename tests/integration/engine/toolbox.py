"""Tools of the tests: what they did is written down in `calls`, by tool and argument."""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.runs.models import Thread
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool

calls: Counter[str] = Counter()
keys: list[str] = []
cuts: list[datetime] = []
"""When a tool that lingered was cut off."""
gate = threading.Event()
"""Tools that wait go on when it is set."""


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def double(call: ToolCall, x: int) -> int:
    """Twice the number."""
    calls[f"double {x}"] += 1
    return 2 * x


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def mail(call: ToolCall, to: str) -> str:
    """Send a letter, once for each key."""
    calls[f"mail {to}"] += 1
    keys.append(call.idempotency_key)
    return f"sent to {to}"


@tool(version="1.0.0")
def pay(call: ToolCall, amount: int) -> dict[str, int]:
    """Pay. Undeclared, hence unsafe."""
    calls[f"pay {amount}"] += 1
    return {"receipt": amount}


@tool(version="1.0.0", effect=Effect.READ_ONLY, output_schema={})
def odd(call: ToolCall) -> Any:
    """Text that PostgreSQL's own types cannot hold."""
    calls["odd"] += 1
    return {"text": "a\x00b\ud800c"}


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def refuse(call: ToolCall, why: str) -> str:
    """Fail with a reason."""
    calls["refuse"] += 1
    raise ToolFailed(f"Refused: {why}.")


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def later(call: ToolCall, n: int) -> str:
    """Fail until the third try."""
    calls["later"] += 1
    if calls["later"] < 3:
        raise ToolFailed("Not yet.", retryable=True)
    return f"now {n}"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def explode(call: ToolCall) -> str:
    """Fail with words that must not reach the model."""
    calls["explode"] += 1
    raise RuntimeError("password=hunter2")


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=0.2)
def sleep(call: ToolCall) -> str:
    """Wait longer than the tool may."""
    calls["sleep"] += 1
    gate.wait(20)
    return "awake"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def wait(call: ToolCall) -> str:
    """Wait until the test opens the gate."""
    calls["wait"] += 1
    gate.wait(20)
    return "through"


@tool(version="1.0.0", timeout_s=0.2)
def pay_slowly(call: ToolCall) -> str:
    """Pay, and answer too late to know."""
    calls["pay_slowly"] += 1
    gate.wait(20)
    return "paid"


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def open_ticket(call: ToolCall, title: str) -> str:
    """Write through the platform's own database, and leave the result in the ledger with it."""
    calls["open_ticket"] += 1
    with transaction.atomic():
        thread = Thread.objects.create(workspace_id=call.workspace_id, title=title)
        call.record_effect(str(thread.id))
    if title == "die":
        gate.wait(20)
    return str(thread.id)


@tool(version="1.0.0")
def pay_late(call: ToolCall) -> str:
    """Pay, and answer when the test opens the gate."""
    calls["pay_late"] += 1
    gate.wait(20)
    return "paid"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def linger(call: ToolCall) -> str:
    """Wait on the loop for ever, and write down when that ends."""
    calls["linger"] += 1
    try:
        await asyncio.Event().wait()
    finally:
        cuts.append(datetime.now(UTC))
    return "never"


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def mail_late(call: ToolCall) -> str:
    """Send a letter, once for each key, and answer when the test opens the gate."""
    calls["mail_late"] += 1
    keys.append(call.idempotency_key)
    gate.wait(20)
    return "sent"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def huge(call: ToolCall) -> int:
    """A number beyond any machine's word."""
    return 2**100 + 1
