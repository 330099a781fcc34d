"""The tests' toolbox after a careless deployment: `double` asks for something else under the same version."""

from apps.tools.declaration import Effect, ToolCall, tool
from tests.integration.engine.toolbox import calls, pay_slowly

__all__ = ["double", "pay_slowly"]


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def double(call: ToolCall, x: int, times: int = 2) -> int:
    """So many times the number."""
    calls[f"changed double {x}"] += 1
    return times * x
