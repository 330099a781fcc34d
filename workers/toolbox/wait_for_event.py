"""`wait_for_event`: wait until somebody outside reports what happened, with a token."""

from typing import Annotated, Final

from pydantic import Field

from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.deferral import ExternalEvent

CONFIG_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "due_seconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 365 * 86_400,
            "description": "After this the model is told that nothing happened; without it the run waits for ever.",
        }
    },
    "additionalProperties": False,
}


@tool(version="1.0.0", effect=Effect.READ_ONLY, defers=True, config_schema=CONFIG_SCHEMA)
def wait_for_event(
    call: ToolCall,
    name: Annotated[
        str, Field(description="What is to happen, such as payment-received.", min_length=1, max_length=200)
    ],
) -> ExternalEvent:
    """Wait until something happens outside, and get what was reported about it."""
    return ExternalEvent(name=name, due_seconds=call.config.get("due_seconds"))
