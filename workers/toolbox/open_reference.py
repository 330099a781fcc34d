"""`open_reference`: read what a reference leads to, and on from there."""

from typing import Annotated

from pydantic import BaseModel, Field

from apps.contexts import references
from apps.tools.declaration import Effect, ToolCall, tool


class Opened(BaseModel):
    """Characters `start` to `end` of `total`; `next_start` is where to go on reading, null at the end."""

    ref: str
    title: str
    text: str
    start: int
    end: int
    total: int
    next_start: int | None


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=20.0)
def open_reference(
    call: ToolCall,
    ref: Annotated[str, Field(description="A reference such as doc:…@1:0-500 or ctx:…@3#key.", max_length=400)],
    start: Annotated[int | None, Field(description="The first character to read.", ge=0)] = None,
    end: Annotated[int | None, Field(description="The character to stop before.", ge=0)] = None,
) -> Opened:
    """Read the text behind a reference; with start and end, any other part of the same document."""
    allowed = {mount.context_id for mount in call.mounts}
    passage = references.open_reference(call.workspace_id, ref, allowed_context_ids=allowed, start=start, end=end)
    return Opened(
        ref=passage.ref,
        title=passage.title,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        total=passage.total,
        next_start=passage.next_start,
    )
