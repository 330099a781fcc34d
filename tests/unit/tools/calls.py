"""A call as the engine would make it."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from apps.tools.definitions import ToolCall, ToolDefinition
from apps.tools.services import call_tool

WORKSPACE = UUID("01890000-0000-7000-8000-000000000001")
RUN = UUID("01890000-0000-7000-8000-000000000002")
CALL = ToolCall(workspace_id=WORKSPACE, run_id=RUN, step_key="tool:x:1", idempotency_key=f"{RUN}:tool:x:1")


def a_call(**changes: Any) -> ToolCall:
    return replace(CALL, **changes)


def run_tool(definition: ToolDefinition, call: ToolCall = CALL, /, **arguments: Any) -> Any:
    """The tool's result, through everything that stands between a model and the function."""
    return asyncio.run(call_tool(definition, call, arguments))
