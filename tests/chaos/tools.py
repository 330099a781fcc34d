"""The tools of the engine's arm, one of each effect; CEF_TOOL_MODULES names this module."""

from apps.tools.declaration import Effect, ToolCall, tool
from tests.chaos.calling import call_server


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def look_up(at: ToolCall, case: str, turn: int, call: int) -> str:
    """Look something up."""
    return await call_server("look_up", {"case": case, "turn": turn, "call": call}, _names(at))


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
async def reserve(at: ToolCall, case: str, turn: int, call: int) -> str:
    """Reserve a place."""
    headers = _names(at) | {"Idempotency-Key": at.idempotency_key}
    return await call_server("reserve", {"case": case, "turn": turn, "call": call}, headers)


@tool(version="1.0.0", effect=Effect.UNSAFE)
async def charge(at: ToolCall, case: str, turn: int, call: int) -> str:
    """Charge a card."""
    return await call_server("charge", {"case": case, "turn": turn, "call": call}, _names(at))


def _names(at: ToolCall) -> dict[str, str]:
    return {"X-Run": str(at.run_id), "X-Step": at.step_key}
