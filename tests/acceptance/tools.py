"""Tools that only tests have."""

import asyncio
import ctypes

from apps.tools.declaration import Effect, ToolCall, tool


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def wait(call: ToolCall, seconds: float) -> str:
    """Wait that many seconds."""
    await asyncio.sleep(seconds)
    return f"waited {seconds} s"


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def segfault(call: ToolCall) -> str:
    """Kill the process, as a bug in a C extension does."""
    ctypes.string_at(0)
    return "never"
