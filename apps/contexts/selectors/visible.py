"""Reads of entries: what is visible through pins, what a version wrote, and the content behind it."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, When

from apps.contexts.entries import EntryView, overlay
from apps.contexts.exceptions import EntryNotFound
from apps.contexts.kinds import ContentType
from apps.contexts.models import Context, Entry, Version
from apps.contexts.pins import Pin, Pins
from apps.contexts.selectors.places import pins_of
from apps.core import blobs, canonical

_FIELDS = tuple(field.name for field in fields(EntryView))


def visible_entries(pins_by_mount: Mapping[uuid.UUID, Pins]) -> dict[uuid.UUID, list[EntryView]]:
    """For each mount the entries that are visible through its pins, sorted by key; one query for all of them."""
    entries = _entries_through({pin for pins in pins_by_mount.values() for pin in pins})
    by_branch: dict[uuid.UUID, list[EntryView]] = defaultdict(list)
    for entry in entries:
        by_branch[entry.branch_id].append(entry)
    return {mount: overlay(pins, _through(pins, by_branch)) for mount, pins in pins_by_mount.items()}


def effective_rows(pins: Pins) -> QuerySet[Entry]:
    """What is visible through the pins, as rows that can be paged by `key` (which is unique among them)."""
    place = Case(*(When(branch_id=pin.branch_id, then=n) for n, pin in enumerate(pins)), output_field=IntegerField())
    nearest = Entry.objects.filter(_through_any(pins)).order_by("key", place).distinct("key").values("pk")
    return Entry.objects.filter(pk__in=nearest, hidden=False)


def effective_entries(context: Context, version: int | None = None) -> list[EntryView]:
    """The entries that a reader of the context sees, inherited ones included, sorted by key.

    Raises VersionNotFound.
    """
    return visible_entries({context.id: pins_of(context, version)})[context.id]


def entry_written(context_id: uuid.UUID, key: str, number: int) -> EntryView:
    """The context's own entry under this key at a version of any of its branches. Raises EntryNotFound."""
    branch = Version.objects.filter(context_id=context_id, number=number).values("branch_id")
    rows = Entry.objects.filter(branch_id__in=branch, key=key, valid_from__lte=number, valid_to__gt=number)
    row = rows.filter(hidden=False).values_list(*_FIELDS).first()
    if row is None:
        raise EntryNotFound(f"There is no entry {key!r} at version {number}.", key=key)
    return _view(row)


def entry_content(entry: Entry) -> Any:
    """The entry's string, or its JSON value. One query. Raises NotFound (`blob_not_found`)."""
    data = blobs.load(entry.workspace_id, bytes(entry.digest))
    return canonical.load(data) if entry.content_type == ContentType.JSON else data.decode()


def _entries_through(pins: set[Pin]) -> list[EntryView]:
    if not pins:
        return []
    return [_view(row) for row in Entry.objects.filter(_through_any(pins)).values_list(*_FIELDS)]


def _through_any(pins: Iterable[Pin]) -> Q:
    ranges = (Q(branch_id=pin.branch_id, valid_from__lte=pin.number, valid_to__gt=pin.number) for pin in pins)
    return reduce(or_, ranges)


def _through(pins: Pins, by_branch: Mapping[uuid.UUID, list[EntryView]]) -> Iterable[EntryView]:
    return (entry for pin in pins for entry in by_branch[pin.branch_id] if entry.is_valid_at(pin))


def _view(row: tuple[object, ...]) -> EntryView:
    return EntryView(*row)  # type: ignore[arg-type]  # the columns are read in the order of the fields
