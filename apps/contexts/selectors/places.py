"""Through which pins a context is read: its own point in history, and those of the contexts above it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Q

from apps.contexts.exceptions import ContextNotFound, VersionNotFound
from apps.contexts.models import Branch, Context, Version
from apps.contexts.models.tree import MAIN
from apps.contexts.paths import ancestors
from apps.contexts.pins import Pin, Pins
from apps.contexts.selectors.versions import version_of


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
