"""Checking changes and turning their contents into stored bytes."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F

from apps.contexts.assembly.printing import body, text_digest
from apps.contexts.changes import Change, Hide, Put, Remove
from apps.contexts.exceptions import InvalidChange
from apps.contexts.kinds import ContentType, EntryKind, Source
from apps.contexts.models import DocumentRevision
from apps.core import blobs
from apps.core.canonical import canonical_bytes
from apps.core.exceptions import Fault
from apps.providers.kinds import Tokenizer
from apps.providers.tokens import count

MAX_CHANGES: Final = 10_000
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_KEY: Final = 200
MAX_TITLE: Final = 300
PRIORITIES: Final = range(-1_000, 1_001)
COUNTED: Final = (Tokenizer.O200K, Tokenizer.CL100K)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change that is ready to be written: the new row's columns, or None for a removal."""

    key: str
    columns: Mapping[str, Any] | None


def prepare(workspace_id: uuid.UUID, changes: Sequence[Change]) -> list[Prepared]:
    """Check all changes and store their contents by hash. Raises InvalidChange with every fault."""
    faults = [*_list_faults(changes), *(fault for n, change in enumerate(changes) for fault in _faults(n, change))]
    if faults:
        raise InvalidChange(errors=faults)
    contents = [_content(workspace_id, change) for change in changes]
    digests = blobs.store_many(workspace_id, contents)
    # A manifest names a printed summary by its hash, as it does any other text.
    blobs.store_many(workspace_id, [put.summary.encode() for put in changes if isinstance(put, Put) and put.summary])
    return [_prepared(*row) for row in zip(changes, contents, digests, strict=True)]


def _list_faults(changes: Sequence[Change]) -> Iterator[Fault]:
    if len(changes) > MAX_CHANGES:
        yield Fault("/changes", "too_many", f"A commit has at most {MAX_CHANGES} changes.")
    seen: set[str] = set()
    for n, change in enumerate(changes):
        if change.key in seen:
            yield Fault(f"/changes/{n}/key", "duplicate_key", "The key is changed twice in this commit.")
        seen.add(change.key)


def _faults(n: int, change: Change) -> Iterator[Fault]:
    if not change.key.isprintable() or not 0 < len(change.key.strip()) == len(change.key) <= MAX_KEY:
        detail = f"A key has 1 to {MAX_KEY} printable characters and no space at either end."
        yield Fault(f"/changes/{n}/key", "invalid_key", detail)
    if isinstance(change, Put):
        yield from _put_faults(f"/changes/{n}", change)


def _put_faults(place: str, put: Put) -> Iterator[Fault]:
    if len(put.title) > MAX_TITLE or not _is_storable(put.title):
        yield Fault(f"{place}/title", "invalid_title", f"A title has at most {MAX_TITLE} characters.")
    if not _is_storable(put.summary):
        yield Fault(f"{place}/summary", "invalid_text", "The text has a NUL or half a surrogate pair.")
    if put.priority not in PRIORITIES:
        yield Fault(f"{place}/priority", "invalid_priority", "A priority lies between -1000 and 1000.")
    try:
        size = len(_encoded(put))
    except ValueError as error:
        yield Fault(f"{place}/content", "invalid_content", str(error))
    else:
        if size > MAX_BYTES:
            yield Fault(f"{place}/content", "too_large", f"The content has {size} bytes; {MAX_BYTES} are accepted.")


def _encoded(put: Put) -> bytes:
    """The bytes of a text or JSON value, and of a document's id. Raises ValueError."""
    match put.content_type:
        case ContentType.JSON:
            return canonical_bytes(put.content)
        case ContentType.DOCUMENT:
            return uuid.UUID(str(put.content)).bytes
        case ContentType.TEXT if isinstance(put.content, str):
            return put.content.encode()
    raise ValueError("A text is expected.")


def _content(workspace_id: uuid.UUID, change: Change) -> bytes:
    if not isinstance(change, Put):
        return b""
    if change.content_type is ContentType.DOCUMENT:
        return _document_text(workspace_id, uuid.UUID(str(change.content)))
    return _encoded(change)


def _document_text(workspace_id: uuid.UUID, document_id: uuid.UUID) -> bytes:
    current = DocumentRevision.objects.filter(
        workspace_id=workspace_id, document_id=document_id, number=F("document__revision")
    )
    digest = current.values_list("text_digest", flat=True).first()
    if digest is None:
        raise InvalidChange(f"There is no document {document_id} that is ready.", code="document_not_found")
    return blobs.load(workspace_id, bytes(digest))


def _prepared(change: Change, content: bytes, digest: bytes) -> Prepared:
    match change:
        case Remove():
            return Prepared(change.key, None)
        case Hide():
            return Prepared(change.key, _HIDDEN | {"digest": digest, "provenance": {}, "tokens": {}})
        case Put():
            return Prepared(change.key, _columns(change) | {"digest": digest} | _measures(content))


def _columns(put: Put) -> dict[str, Any]:
    return {
        "title": put.title,
        "kind": put.kind,
        "source": put.source,
        "content_type": put.content_type,
        "summary": put.summary,
        "summary_digest": text_digest(put.summary) if put.summary else None,
        "hidden": False,
        "priority": put.priority,
        "pinned": put.pinned,
        "trust": put.trust,
        "expires_at": put.expires_at,
        "provenance": dict(put.provenance),
        "document_id": uuid.UUID(str(put.content)) if put.content_type is ContentType.DOCUMENT else None,
    }


def _measures(content: bytes) -> dict[str, Any]:
    printed = body(content.decode())
    return {"size": len(content), "tokens": {tokenizer.value: count(printed, tokenizer) for tokenizer in COUNTED}}


def _is_storable(text: str) -> bool:
    """PostgreSQL's text holds neither NUL nor lone surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


_HIDDEN: Final[dict[str, Any]] = {
    "title": "",
    "kind": EntryKind.FACT,
    "source": Source.SYSTEM,
    "content_type": ContentType.TEXT,
    "size": 0,
    "summary": "",
    "summary_digest": None,
    "hidden": True,
    "priority": 0,
    "pinned": False,
    "trust": "normal",
    "expires_at": None,
    "document_id": None,
}
