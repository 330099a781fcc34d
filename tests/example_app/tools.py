"""What agents can do at the help desk."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from apps.tools.declaration import Effect, ToolCall, ToolInputInvalid, tool
from tests.example_app.models import Ticket


class Opened(BaseModel):
    """What the model is told."""

    ticket: int
    subject: str


@tool(version="1.0.0", effect=Effect.IDEMPOTENT)
def create_ticket(
    call: ToolCall,
    subject: Annotated[str, Field(description="The request in one sentence.", max_length=200)],
    priority: Annotated[Literal["low", "normal", "high"], Field(description="How urgent it is.")] = "normal",
) -> Opened:
    """Open a ticket for the customer and return its number."""
    if not subject.strip():
        raise ToolInputInvalid("A ticket needs a subject.")
    ticket, _ = Ticket.objects.get_or_create(
        key=call.idempotency_key,
        defaults={"workspace_id": call.workspace_id, "subject": subject, "priority": priority},
    )
    return Opened(ticket=ticket.pk, subject=ticket.subject)
