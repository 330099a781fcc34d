"""What a commit can do to entries, and who does it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.contexts.kinds import ContentType, EntryKind, Source, Trust


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key. `content` is a string, a JSON value, or the id of a document, as `content_type` says."""

    key: str
    content: Any
    content_type: ContentType = ContentType.TEXT
    title: str = ""
    kind: EntryKind = EntryKind.FACT
    source: Source = Source.USER
    summary: str = ""
    priority: int = 0
    pinned: bool = False
    trust: Trust = Trust.NORMAL
    expires_at: datetime | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the context's own entry away; an ancestor's entry of the same key shows again."""

    key: str


@dataclass(frozen=True, slots=True)
class Hide:
    """Make a key invisible here and below, also when an ancestor has it."""

    key: str


Change = Put | Remove | Hide


@dataclass(frozen=True, slots=True)
class Author:
    """Who commits: a name, and the run and step when an agent does."""

    name: str
    run_id: uuid.UUID | None = None
    step_n: int | None = None
