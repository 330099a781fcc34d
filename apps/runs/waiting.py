"""What a run waits for, and how a wait ends: plain values."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.states import OnDue, WaitKind
from apps.tools.deferral import ChildRun

LARGEST_RESULT: Final = 1024 * 1024
"""Bytes of JSON that may be answered, reported, or handed from a child to its parent."""

_SALT: Final = "cef.events.token"

TOKEN_PREFIX: Final = "evt_"  # noqa: S105  # the beginning of every token, no secret


class Ending(StrEnum):
    """How a wait ends, as the model will hear of it."""

    APPROVED = "approved"
    DENIED = "denied"
    RETURNED = "returned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of a wait: what the call returns, why there is nothing, or that it may be made, with these arguments."""

    ending: Ending
    value: Any = None
    message: str = ""
    arguments: dict[str, Any] | None = None

    def stored(self) -> bytes:
        """JSON for the wait's row, without what is not said."""
        said = {"ending": self.ending.value, "value": self.value}
        return canonical.dump(said | ({"message": self.message} if self.message else {}) | self._edited())

    def _edited(self) -> dict[str, Any]:
        return {} if self.arguments is None else {"arguments": self.arguments}

    @classmethod
    def of(cls, stored: bytes | memoryview) -> "Result":
        """From JSON as `stored` wrote it."""
        return cls.loaded(canonical.load(stored))

    @classmethod
    def loaded(cls, data: Mapping[str, Any]) -> "Result":
        """From the value of that JSON."""
        return cls(**{**data, "ending": Ending(data["ending"])})


def returned(value: Any) -> Result:
    """The call gives this."""
    return Result(ending=Ending.RETURNED, value=value)


def denied(message: str) -> Result:
    """The call is not made, and the model is told why."""
    return Result(ending=Ending.DENIED, message=message)


def failed(message: str) -> Result:
    """Nothing came, and the model is told why."""
    return Result(ending=Ending.FAILED, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A wait to be opened for one deferred call; `due_seconds` count from then, by the database's clock.

    `assignee` is an e-mail. A `child` is started when the wait is opened.
    """

    kind: WaitKind
    run_step: int
    tool_call_id: str
    tool: str
    arguments: dict[str, Any]
    id: UUID = field(default_factory=new_id)
    prompt: str = ""
    answer_schema: Mapping[str, Any] | None = None
    assignee: str = ""
    role: str = ""
    needed: int = 1
    services: bool = False
    due_seconds: float | None = None
    due_at: datetime | None = None
    on_due: OnDue = OnDue.REJECT
    escalate_role: str = ""
    child: ChildRun | None = None
    child_id: UUID | None = None
    result: Result | None = None

    @property
    def digest(self) -> bytes:
        """What a decision is bound to."""
        return call_digest(self.tool, self.arguments)


def call_digest(tool: str, arguments: dict[str, Any]) -> bytes:
    """SHA-256 of a tool's name and the exact arguments of a call."""
    return canonical.digest([tool, arguments])


def event_token(wait_id: UUID) -> str:
    """The token that resolves this wait from outside. It is not stored: who holds the platform's secret can make it."""
    return next(_tokens(wait_id))


def token_digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def known_token(wait_id: UUID, digest: bytes) -> str | None:
    """The token whose digest was stored, also after a change of the platform's secret; None without the old one."""
    return next((token for token in _tokens(wait_id) if token_digest(token) == digest), None)


def _tokens(wait_id: UUID) -> Iterator[str]:
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        mac = salted_hmac(_SALT, wait_id.bytes, secret=secret, algorithm="sha256").digest()
        yield TOKEN_PREFIX + urlsafe_b64encode(mac).decode().rstrip("=")
