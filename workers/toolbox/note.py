"""`note`: remember something in the agent's memory context."""

import uuid
from typing import Annotated

from django.db import transaction
from pydantic import BaseModel, Field

from apps.contexts.selectors import context_by_id
from apps.contexts.services import write_note
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool


class Noted(BaseModel):
    """Where the note is kept, and in which version of that context."""

    context: str
    key: str | None
    version: int


@tool(version="1.0.0", effect=Effect.IDEMPOTENT, timeout_s=20.0)
def note(
    call: ToolCall,
    text: Annotated[str, Field(description="What to remember.", min_length=1, max_length=20_000)],
    key: Annotated[
        str | None, Field(description="A name for it; a note under the same key is replaced.", max_length=200)
    ] = None,
) -> Noted:
    """Write a note into your memory, where this and later conversations find it."""
    with transaction.atomic():
        context = context_by_id(call.workspace_id, _memory(call))
        version = write_note(context, text=text, key=key, run_id=call.run_id)
        noted = Noted(context=context.path, key=key, version=version.number)
        call.record_effect(noted.model_dump())
    return noted


def _memory(call: ToolCall) -> uuid.UUID:
    """The first context that the agent may write. Raises ToolFailed."""
    for mount in call.mounts:
        if mount.access == "write":
            return mount.context_id
    raise ToolFailed("This agent has no context that it may write.", code="no_memory")
