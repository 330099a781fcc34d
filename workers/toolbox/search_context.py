"""`search_context`: find passages in what the agent may read."""

from typing import Annotated

from pydantic import BaseModel, Field

from apps.contexts.search import Hit, search
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool

PER_DOCUMENT = 3


class Found(BaseModel):
    """A passage, and the reference that opens it and what stands around it."""

    ref: str
    title: str
    heading: str
    text: str
    score: float


class Passages(BaseModel):
    """The best passages first."""

    passages: list[Found]


@tool(version="1.0.0", effect=Effect.READ_ONLY, timeout_s=20.0)
def search_context(
    call: ToolCall,
    query: Annotated[str, Field(description="What you want to know, in a few words.", min_length=1, max_length=1000)],
    limit: Annotated[int, Field(description="How many passages to return.", ge=1, le=20)] = 5,
) -> Passages:
    """Search the documents you have access to and return the passages that fit best.

    Cite passages by their ref; open_reference reads more around one.
    """
    if not call.mounts:
        raise ToolFailed("This agent has no context to search.", code="no_context")
    contexts = {mount.context_id for mount in call.mounts}
    hits = search(call.workspace_id, query, context_ids=contexts, limit=limit, per_document=PER_DOCUMENT)
    return Passages(passages=[_found(hit) for hit in hits])


def _found(hit: Hit) -> Found:
    return Found(ref=hit.ref, title=hit.document_title, heading=hit.heading, text=hit.text, score=round(hit.score, 6))
