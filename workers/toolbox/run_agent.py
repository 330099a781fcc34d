"""`run_agent`: give a task to another agent of the workspace and wait for its answer."""

from typing import Annotated, Final

from pydantic import Field, JsonValue

from apps.tools.declaration import Effect, ToolCall, ToolInputInvalid, tool
from apps.tools.deferral import ChildRun

CONFIG_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "agents": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 120},
            "description": "Only these may be started, as slug, slug@3 or slug@label; without it any of the workspace.",
        }
    },
    "additionalProperties": False,
}


@tool(version="1.0.0", effect=Effect.READ_ONLY, defers=True, config_schema=CONFIG_SCHEMA)
def run_agent(
    call: ToolCall,
    agent: Annotated[str, Field(description="The agent's name, such as researcher.", min_length=1, max_length=120)],
    task: Annotated[JsonValue, Field(description="What it shall do, as text or JSON; it sees nothing else.")],
) -> ChildRun:
    """Let another agent work on a task, and get its answer. Several calls in one turn work side by side."""
    allowed = call.config.get("agents")
    if allowed is not None and agent not in allowed:
        raise ToolInputInvalid(f"You may start only these agents: {', '.join(allowed)}.")
    if task is None or task == "":
        raise ToolInputInvalid("The task is empty.")
    return ChildRun(agent=agent, input=task)
