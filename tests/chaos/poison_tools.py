"""Tools that end their process, or bring back what nobody asked for."""

import ctypes
import os

from apps.tools.declaration import Effect, ToolCall, tool

_MEGABYTES = 55


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def leave(at: ToolCall, case: str, turn: int, call: int) -> str:
    """End the process at once."""
    os._exit(3)


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def crash(at: ToolCall, case: str, turn: int, call: int) -> str:
    """Read where nothing is."""
    return ctypes.string_at(0).decode()


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def flood(at: ToolCall, case: str, turn: int, call: int) -> str:
    """Return more than anybody keeps."""
    return "x" * (_MEGABYTES * 1_000_000)


@tool(version="1.0.0", effect=Effect.READ_ONLY)
def babble(at: ToolCall, case: str, turn: int, call: int) -> object:
    """Return what is no JSON."""
    return {"not json": object(), "nan": float("nan")}
