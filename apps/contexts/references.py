"""References that stay true: an entry as one version wrote it, or characters of one revision of a document.

ctx:<context id>@<version>#<key>
doc:<document id>@<revision>:<start>-<end>
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from apps.contexts.exceptions import EntryNotFound, InvalidReference, ReferenceNotFound
from apps.contexts.models import Context, DocumentRevision
from apps.contexts.selectors import entry_written, reachable
from apps.core import blobs

WINDOW: Final = 4_000
"""Characters that one opening returns when the reader does not say how many."""

MAX_WINDOW: Final = 40_000
_UUID: Final = "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_ENTRY: Final = re.compile(rf"ctx:{_UUID}@(\d{{1,18}})#(.{{1,200}})\Z")
_SPAN: Final = re.compile(rf"doc:{_UUID}@(\d{{1,9}}):(\d{{1,10}})-(\d{{1,10}})\Z")


@dataclass(frozen=True, slots=True)
class Passage:
    """Text behind a reference: characters `start` to `end` of `total`; `next_start` is None at the end."""

    ref: str
    title: str
    text: str
    start: int
    end: int
    total: int

    @property
    def next_start(self) -> int | None:
        """Where to go on reading."""
        return self.end if self.end < self.total else None


def open_reference(
    workspace_id: uuid.UUID,
    ref: str,
    *,
    allowed_context_ids: Collection[uuid.UUID],
    start: int | None = None,
    end: int | None = None,
) -> Passage:
    """The text behind a reference, as it was when the reference was made.

    `start` and `end` count characters of the whole entry or document; without them the reference's own span is read, or
    an entry's beginning. A reader may open what its contexts reach: themselves, those above and those below them.
    Raises InvalidReference, and ReferenceNotFound for what is absent or out of reach alike.
    """
    if found := _ENTRY.match(ref):
        title, text = _entry(workspace_id, allowed_context_ids, uuid.UUID(found[1]), int(found[2]), found[3])
        return _window(ref, title, text, start or 0, end)
    if found := _SPAN.match(ref):
        title, text = _document(workspace_id, allowed_context_ids, uuid.UUID(found[1]), int(found[2]))
        first, last = (int(found[3]), int(found[4])) if start is None else (start, end)
        return _window(ref, title, text, first, last if end is None else end)
    raise InvalidReference(ref=ref[:200])


def _entry(
    workspace_id: uuid.UUID, allowed: Collection[uuid.UUID], context_id: uuid.UUID, version: int, key: str
) -> tuple[str, str]:
    if not Context.objects.filter(reachable(workspace_id, allowed), id=context_id).exists():
        raise ReferenceNotFound
    try:
        view = entry_written(context_id, key, version)
    except EntryNotFound:
        raise ReferenceNotFound from None
    return view.title or view.key, blobs.load(workspace_id, view.digest).decode()


def _document(
    workspace_id: uuid.UUID, allowed: Collection[uuid.UUID], document_id: uuid.UUID, number: int
) -> tuple[str, str]:
    contexts = Context.objects.filter(reachable(workspace_id, allowed))
    revisions = DocumentRevision.objects.filter(document_id=document_id, number=number, document__context__in=contexts)
    row = revisions.values_list("document__title", "text_digest").first()
    if row is None:
        raise ReferenceNotFound
    return row[0], blobs.load(workspace_id, bytes(row[1])).decode()


def _window(ref: str, title: str, text: str, start: int, end: int | None) -> Passage:
    """The part asked for, cut to the text and to MAX_WINDOW characters."""
    first = min(max(start, 0), len(text))
    wanted = first + WINDOW if end is None else end
    last = max(first, min(wanted, len(text), first + MAX_WINDOW))
    return Passage(ref, title, text[first:last], first, last, len(text))
