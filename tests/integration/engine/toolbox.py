"""Tools of the tests: what they did is written down in `calls`, by tool and argument."""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apps.runs.models import Thread
from apps.runs.services import cancel_run
from apps.tools.declaration import DidNotHappen, Effect, Happened, ToolCall, ToolFailed, Unknown, tool
from apps.tools.deferral import Question

calls: Counter[str] = Counter()
keys: list[str] = []
cuts: list[datetime] = []
"""When a tool that lingered was cut off."""
found: dict[str, str] = {}
"""What the check of a tool says."""
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
def doze(call: ToolCall) -> str:
    """Wait longer than the tool may."""
    calls["doze"] += 1
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
    keys.append(call.idempotency_key)
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


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def mail_broken(call: ToolCall) -> str:
    """Send a letter over a connection that breaks until the test opens the gate."""
    calls["mail_broken"] += 1
    keys.append(call.idempotency_key)
    if not gate.is_set():
        raise ConnectionResetError
    return "sent"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def huge(call: ToolCall) -> int:
    """A number beyond any machine's word."""
    return 2**100 + 1


@tool(version="1.0.0")
async def pay_late_on_the_loop(call: ToolCall) -> str:
    """Pay, and answer on the loop when the test opens the gate."""
    calls["pay_late_on_the_loop"] += 1
    await asyncio.to_thread(gate.wait, 20)
    return "paid"


@tool(version="1.0.0")
def pay_refused(call: ToolCall) -> str:
    """Fail before anything was paid."""
    calls["pay_refused"] += 1
    raise ToolFailed("The card is blocked.")


@tool(version="1.0.0")
def pay_broken(call: ToolCall) -> str:
    """Fail with a bug."""
    calls["pay_broken"] += 1
    raise KeyError("receipt")


@tool(version="1.0.0")
def pay_cancelled(call: ToolCall) -> str:
    """Have the run cancelled, and lose the connection at the same moment."""
    cancel_run(call.workspace_id, call.run_id)
    raise ConnectionResetError


@tool(version="1.0.0")
async def pay_cut_off(call: ToolCall) -> str:
    """Lose the connection after sending."""
    calls["pay_cut_off"] += 1
    raise ConnectionResetError


@tool(version="1.0.0", output_schema={"type": "integer"})
def pay_oddly(call: ToolCall) -> Any:
    """Pay, and return something else than declared."""
    calls["pay_oddly"] += 1
    return "paid"


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def mail_perhaps(call: ToolCall) -> str:
    """Send a letter, and say at first that it is not known whether it was sent."""
    calls["mail_perhaps"] += 1
    keys.append(call.idempotency_key)
    if not gate.is_set():
        raise ToolFailed("The connection broke.", outcome_unknown=True)
    return "sent"


def _look(call: ToolCall, name: str) -> Any:
    calls[f"check {name}"] += 1
    keys.append(call.idempotency_key)
    says = found[name]
    if says == "raises":
        raise RuntimeError("The warehouse is closed.")
    if says == "hangs":
        gate.wait(20)
    findings = {"happened": Happened("shipped as found"), "did_not_happen": DidNotHappen(), "odd": "perhaps"}
    return findings.get(says, Unknown())


def _look_for_parcel(call: ToolCall) -> Any:
    return _look(call, "ship")


async def _look_for_late_parcel(call: ToolCall) -> Any:
    return _look(call, "ship_late")


@tool(version="1.0.0", timeout_s=0.2, check=_look_for_parcel)
def ship(call: ToolCall) -> str:
    """Ship, and answer too late; a check can find the parcel."""
    calls["ship"] += 1
    keys.append(call.idempotency_key)
    gate.wait(20)
    return "shipped"


@tool(version="1.0.0", check=_look_for_late_parcel)
def ship_late(call: ToolCall) -> str:
    """Ship when the test opens the gate; a check can find the parcel."""
    calls["ship_late"] += 1
    gate.wait(20)
    return "shipped"


@tool(version="1.0.0", effect=Effect.READ_ONLY, defers=True)
def ask_oddly(call: ToolCall, how: str) -> Any:
    """Wait for something that nobody can keep, for nothing, or fail."""
    if how == "nul":
        return Question(prompt="Which?", answer_schema={"enum": ["a\x00"]})
    if how == "schema":
        return Question(prompt="Which?", answer_schema={"type": "number or so"})
    if how == "nothing":
        return None
    raise KeyError("password=hunter2")


FORM_CONFIG = {
    "type": "object",
    "properties": {"idempotent": {"type": "boolean"}},
    "additionalProperties": False,
}


@tool(
    version="1.0.0",
    config_schema=FORM_CONFIG,
    effect_of=lambda config: Effect.IDEMPOTENT if config.get("idempotent") else Effect.UNSAFE,
)
def send_form(call: ToolCall) -> str:
    """Send a form to a service that may know repeats."""
    calls["send_form"] += 1
    keys.append(call.idempotency_key)
    if calls["send_form"] == 1:
        gate.wait(20)
    return "sent"


@tool(version="1.0.0", timeout_s=1.0)
def book(call: ToolCall, end: str) -> str:
    """Write through the platform's own database, leave the result in the ledger, and end badly all the same."""
    calls["book"] += 1
    with transaction.atomic():
        thread = Thread.objects.create(workspace_id=call.workspace_id, title=end)
        call.record_effect(str(thread.id))
    if end == "refused":
        raise ToolFailed("Too late to say so.")
    if end == "broken":
        raise KeyError("thread")
    gate.wait(20)
    return str(thread.id)
