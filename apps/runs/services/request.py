"""What a caller asks for when a run is to be created."""

from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from apps.accounts.keys import as_uuid
from apps.accounts.principals import Principal
from apps.runs.limits import Limits
from apps.runs.models import NO_KEY
from apps.runs.states import Strategy


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file or image of an input; its bytes are stored once per workspace, by hash."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who asked: a principal's kind and id, by which API key, and the request it came in."""

    kind: str = ""
    id: UUID | None = None
    request_id: str = ""
    api_key_id: UUID = NO_KEY

    @classmethod
    def of(cls, principal: Principal, request_id: str = "") -> Self:
        """The principal of a request; whatever it starts counts under its API key."""
        api_key_id = as_uuid(principal.key_id) if principal.key_id else NO_KEY
        return cls(kind=principal.kind, id=principal.id, request_id=request_id, api_key_id=api_key_id)

    @property
    def told(self) -> dict[str, str | None]:
        """As a run's history names it."""
        return {"by": self.kind or None, "id": str(self.id) if self.id else None}


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What to run: `agent` is a slug, `slug@3` or `slug@label`; `input` is text or any JSON value.

    `limits` may lower the agent's. `streaming` None leaves it to the agent's version. `strategy` says what happens to
    runs of the thread that have not ended.
    """

    agent: str
    input: Any
    thread_id: UUID | None = None
    strategy: Strategy = Strategy.REJECT
    limits: Limits = field(default_factory=Limits)
    metadata: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    streaming: bool | None = None


NOBODY = Origin()
