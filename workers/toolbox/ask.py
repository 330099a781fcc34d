"""`ask`: put a question to a person and wait for the answer, however long that takes."""

from typing import Annotated, Any, Final

from pydantic import Field, JsonValue

from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.deferral import Question
from apps.tools.schemas import check_schema

CONFIG_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "role": {
            "enum": ["owner", "admin", "builder", "operator"],
            "description": "The lowest role that may answer; without it every operator may.",
        },
        "due_seconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 365 * 86_400,
            "description": "After this the model is told that nobody answered; without it the run waits for ever.",
        },
    },
    "additionalProperties": False,
}


@tool(version="1.0.0", effect=Effect.READ_ONLY, defers=True, config_schema=CONFIG_SCHEMA)
def ask(
    call: ToolCall,
    question: Annotated[str, Field(description="All that the person needs to know.", min_length=1, max_length=4000)],
    answer_schema: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON Schema that the answer must keep; without it any text.")
    ] = None,
) -> Question:
    """Ask a person and wait for the answer."""
    schema: dict[str, Any] = {"type": "string"} if answer_schema is None else check_schema(answer_schema)
    return Question(prompt=question, answer_schema=schema, **call.config)
