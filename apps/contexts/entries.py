"""Entries as readers see them, and how a child's cover its ancestors'."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.contexts.pins import Pin, Pins


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry without its content, which is the blob under `digest`. `valid_from` is the version that wrote it."""

    id: uuid.UUID
    context_id: uuid.UUID
    branch_id: uuid.UUID
    key: str
    title: str
    kind: str
    source: str
    content_type: str
    digest: bytes
    size: int
    summary: str
    hidden: bool
    priority: int
    pinned: bool
    trust: str
    expires_at: datetime | None
    tokens: Mapping[str, int]
    provenance: Mapping[str, Any]
    document_id: uuid.UUID | None
    valid_from: int
    valid_to: int

    def is_valid_at(self, pin: Pin) -> bool:
        """Whether the pin sees this row."""
        return self.branch_id == pin.branch_id and self.valid_from <= pin.number < self.valid_to

    @property
    def ref(self) -> str:
        """A reference that stays true: the content under this key as this version wrote it."""
        return f"ctx:{self.context_id}@{self.valid_from}#{self.key}"


def overlay(pins: Pins, entries: Iterable[EntryView]) -> list[EntryView]:
    """What is visible through the pins, by key: the nearest wins, and a hidden entry hides those behind it."""
    distance = {pin.branch_id: place for place, pin in enumerate(pins)}
    nearest: dict[str, EntryView] = {}
    for entry in sorted(entries, key=lambda entry: distance[entry.branch_id]):
        nearest.setdefault(entry.key, entry)
    return [nearest[key] for key in sorted(nearest) if not nearest[key].hidden]
