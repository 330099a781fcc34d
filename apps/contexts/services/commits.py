"""Committing changes: one new immutable version of a branch, which writes only what changed."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from apps.contexts.changes import Author, Change
from apps.contexts.contents import Prepared, prepare
from apps.contexts.exceptions import EntryNotFound, InvalidChange, StaleVersion
from apps.contexts.models import FOREVER, Branch, Context, Entry, Version
from apps.contexts.models.tree import MAIN
from apps.contexts.selectors import head_pins, version_of

_COMPARED = (
    "title",
    "kind",
    "source",
    "content_type",
    "digest",
    "summary",
    "hidden",
    "priority",
    "pinned",
    "trust",
    "expires_at",
    "document_id",
)


@transaction.atomic
def commit_entries(
    context: Context,
    changes: Sequence[Change],
    *,
    by: Author,
    message: str = "",
    expected_version: int | None = None,
    branch: str = MAIN,
) -> Version:
    """Commit all changes as one version, or none of them.

    With `expected_version` (0: nothing committed yet) the branch must still be there, else StaleVersion says where it
    is. Changes that change nothing are skipped; when none is left, the head is returned and nothing is written. Raises
    InvalidChange, naming every fault, and EntryNotFound for the removal of what is not there. Locks the branch's row.
    """
    prepared = prepare(context.workspace_id, changes)
    # Two commits to one branch queue here. Without the lock both would read the same head, and the second would close
    # entry ranges that the first has already replaced.
    head = Branch.objects.select_for_update().get(context=context, name=branch)
    if expected_version is not None and expected_version != head.head:
        raise StaleVersion(expected_version=expected_version, current_version=head.head)
    current = {entry.key: entry for entry in _at_head(head, changes)}
    effective = [change for change in prepared if _changes_anything(change, current.get(change.key))]
    if not effective:
        return _unchanged(context, head)
    return _write(
        context, head, effective, Version(message=message, author=by.name, run_id=by.run_id, step_n=by.step_n)
    )


def _at_head(branch: Branch, changes: Sequence[Change]) -> list[Entry]:
    keys = [change.key for change in changes]
    return list(Entry.objects.filter(branch=branch, key__in=keys, valid_to=FOREVER))


def _changes_anything(change: Prepared, current: Entry | None) -> bool:
    if change.columns is None:
        if current is None:
            raise EntryNotFound(f"There is no entry {change.key!r} to remove.", key=change.key)
        return True
    return current is None or any(getattr(current, name) != change.columns[name] for name in _COMPARED)


def _unchanged(context: Context, branch: Branch) -> Version:
    if not branch.head:
        raise InvalidChange("There is nothing to commit.", code="nothing_to_commit")
    return version_of(context, branch.head)


def _write(context: Context, branch: Branch, changes: Sequence[Prepared], version: Version) -> Version:
    version.number = _next_number(context)
    version.workspace_id, version.context, version.branch = context.workspace_id, context, branch
    version.parent, version.changes = branch.head, len(changes)
    above = head_pins(context.workspace_id, [context.id])[context.id][1:]
    version.ancestor_branches = [pin.branch_id for pin in above]
    version.ancestor_numbers = [pin.number for pin in above]
    _replace_entries(version, changes)
    version.save(force_insert=True)
    Branch.objects.filter(pk=branch.pk).update(head=version.number)
    return version


def _next_number(context: Context) -> int:
    """Numbers count over all branches of the context; the UPDATE holds its row until the commit."""
    Context.objects.filter(pk=context.pk).update(last_version=F("last_version") + 1)
    return Context.objects.values_list("last_version", flat=True).get(pk=context.pk)


def _replace_entries(version: Version, changes: Sequence[Prepared]) -> None:
    keys = [change.key for change in changes]
    Entry.objects.filter(branch=version.branch, key__in=keys, valid_to=FOREVER).update(valid_to=version.number)
    place: dict[str, uuid.UUID | int] = {
        "workspace_id": version.workspace_id,
        "context_id": version.context_id,
        "branch_id": version.branch_id,
        "valid_from": version.number,
    }
    Entry.objects.bulk_create(
        [Entry(key=change.key, **change.columns, **place) for change in changes if change.columns is not None]
    )
