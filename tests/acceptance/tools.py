"""Tools that only tests have."""

import asyncio

from apps.tools.declaration import Effect, ToolCall, tool


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def wait(call: ToolCall, seconds: float) -> str:
    """Wait that many seconds."""
    await asyncio.sleep(seconds)
    return f"waited {seconds} s"
