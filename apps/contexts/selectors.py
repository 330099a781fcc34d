"""Reads of the tree: contexts, their versions, and the entries that are visible at a version."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Case, IntegerField, Model, Q, QuerySet, When

from apps.contexts.entries import EntryView, overlay
from apps.contexts.exceptions import ContextNotFound, EntryNotFound, VersionNotFound
from apps.contexts.kinds import ContentType
from apps.contexts.models import Branch, Context, DocumentRevision, Entry, IngestItem, Version
from apps.contexts.models.tree import MAIN
from apps.contexts.paths import ancestors, in_subtree
from apps.contexts.pins import Pin, Pins
from apps.core import blobs, canonical

_FIELDS = tuple(field.name for field in fields(EntryView))


def context_by_id(workspace_id: uuid.UUID, context_id: uuid.UUID) -> Context:
    """Raises ContextNotFound, also for a context of another workspace."""
    return _one(Q(workspace_id=workspace_id, id=context_id))


def context_by_path(workspace_id: uuid.UUID, path: str) -> Context:
    """Raises ContextNotFound."""
    return _one(Q(workspace_id=workspace_id, path=path))


def version_of(context: Context, number: int) -> Version:
    """The commit of this number, of whichever branch. Raises VersionNotFound."""
    version = Version.objects.filter(context=context, number=number).first()
    if version is None:
        raise VersionNotFound(f"The context has no version {number}.", version=number)
    return version


def head_number(context: Context, branch: str = MAIN) -> int:
    """The number of the branch's newest version, 0 when nothing is committed."""
    return Branch.objects.values_list("head", flat=True).get(context=context, name=branch)


def head_versions(context_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The newest version of each context and of every context it inherits from, 0 where nothing is committed.

    A run that keeps this can read them all as they are now, whatever is committed meanwhile. Two queries.
    """
    lines = _lines(Q(id__in=set(context_ids)))
    return {seat.context_id: seat.pin.number for line in lines.values() for seat in line}


def head_pins(workspace_id: uuid.UUID, context_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Pins]:
    """For each context its pins at this moment's heads: its own, then its ancestors'. Two queries for all of them.

    Raises ContextNotFound when one is not there.
    """
    return mounted_pins(workspace_id, dict.fromkeys(context_ids), {})


def mounted_pins(
    workspace_id: uuid.UUID, mounts: Mapping[uuid.UUID, int | None], frozen: Mapping[uuid.UUID, int]
) -> dict[uuid.UUID, Pins]:
    """For each context (with the version to read, None: its head) its pins; two or three queries for all of them.

    Ancestors are read at their `frozen` versions when all of them have one; else as they were when the mount's version
    was committed, or at their heads when the mount is read at its head. Raises ContextNotFound and VersionNotFound.
    """
    lines = _lines(Q(workspace_id=workspace_id, id__in=mounts.keys()))
    if missing := mounts.keys() - lines.keys():
        raise ContextNotFound(contexts=sorted(map(str, missing)))
    versions = _versions({context_id: number for context_id, number in mounts.items() if number})
    return {
        context_id: _line_pins(lines[context_id], number, versions.get(context_id), frozen)
        for context_id, number in mounts.items()
    }


def version_pins(version: Version) -> Pins:
    """The pins of an old version: itself, then its ancestors as they were when it was committed. No query."""
    above = zip(version.ancestor_branches, version.ancestor_numbers, strict=True)
    return (Pin(version.branch_id, version.number), *(Pin(branch_id, number) for branch_id, number in above))


def pins_of(context: Context, version: int | None = None) -> Pins:
    """Where to read the context: at its heads, or at a version. Raises VersionNotFound."""
    if version is None:
        return head_pins(context.workspace_id, [context.id])[context.id]
    return version_pins(version_of(context, version))


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


def reachable(workspace_id: uuid.UUID, context_ids: Iterable[uuid.UUID]) -> Q:
    """Condition on contexts: those given, those above them (which they inherit from) and those below them."""
    paths = Context.objects.filter(workspace_id=workspace_id, id__in=set(context_ids)).values_list("path", flat=True)
    scopes = [in_subtree(path) | Q(path__in=ancestors(path)) for path in paths]
    return Q(workspace_id=workspace_id) & reduce(or_, scopes, Q(pk__in=[]))


def kept_contents(workspace_id: uuid.UUID, digests: Collection[bytes]) -> set[bytes]:
    """Which of these hashes belong to an entry, its summary, or a document, of whichever version. Five queries."""
    places: tuple[tuple[type[Model], str], ...] = (
        (Entry, "digest"),
        (Entry, "summary_digest"),
        (DocumentRevision, "digest"),
        (DocumentRevision, "text_digest"),
        (IngestItem, "digest"),
    )
    kept: set[bytes] = set()
    for model, column in places:
        rows = model._default_manager.filter(workspace_id=workspace_id, **{f"{column}__in": digests})
        kept.update(map(bytes, rows.values_list(column, flat=True)))
    return kept


def _one(condition: Q) -> Context:
    context = Context.objects.filter(condition).first()
    if context is None:
        raise ContextNotFound
    return context


class _Seat(NamedTuple):
    """A context in the line from a mount up to the root, with the head of its main branch."""

    context_id: uuid.UUID
    pin: Pin


def _lines(contexts: Q) -> dict[uuid.UUID, list[_Seat]]:
    """For each of the contexts itself and those above it, nearest first."""
    rows = list(Context.objects.filter(contexts).values_list("id", "workspace_id", "path"))
    paths = {path: [path, *ancestors(path)] for _, _, path in rows}
    heads = Branch.objects.filter(
        name=MAIN,
        context__workspace_id__in={workspace_id for _, workspace_id, _ in rows},
        context__path__in={path for line in paths.values() for path in line},
    ).values_list("context__workspace_id", "context__path", "context_id", "id", "head")
    seats = {(space, path): _Seat(pk, Pin(branch, head)) for space, path, pk, branch, head in heads}
    return {pk: [seats[workspace_id, above] for above in paths[path]] for pk, workspace_id, path in rows}


def _versions(numbers: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Version]:
    if not numbers:
        return {}
    wanted = reduce(or_, (Q(context_id=context_id, number=number) for context_id, number in numbers.items()))
    versions = {version.context_id: version for version in Version.objects.filter(wanted)}
    if missing := numbers.keys() - versions.keys():
        raise VersionNotFound(contexts={str(context_id): numbers[context_id] for context_id in missing})
    return versions


def _line_pins(
    line: Sequence[_Seat], number: int | None, version: Version | None, frozen: Mapping[uuid.UUID, int]
) -> Pins:
    own, *above = line
    pins = [Pin(seat.pin.branch_id, frozen.get(seat.context_id, seat.pin.number)) for seat in above]
    if number is None:
        return (own.pin, *pins)
    if version is None:
        return (Pin(own.pin.branch_id, number), *pins)
    return (Pin(version.branch_id, number), *(pins if _all_frozen(above, frozen) else version_pins(version)[1:]))


def _all_frozen(line: Iterable[_Seat], frozen: Mapping[uuid.UUID, int]) -> bool:
    return all(seat.context_id in frozen for seat in line)


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
