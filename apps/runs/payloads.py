"""JSON bytes as rows keep them: small ones as they are, larger ones compressed, the largest once by hash beside them.

The first byte says which; no JSON text begins with one of these. What is kept apart lies in `core_blob`, once per
workspace, and its row holds a reference. Nothing here looks at what the bytes mean, except `load`.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.core import blobs, canonical
from apps.core.exceptions import NotFound, PayloadTooLarge

COMPRESSED_FROM: Final = 8 * 1024
APART_FROM: Final = 256 * 1024
LARGEST: Final = 50 * 1024 * 1024
"""Bytes of JSON before it is compressed."""

REFERENCES: Final = (b"\x02", b"\x03")
"""Between these lie the rows that only refer to their bytes; partial indexes find them."""

_COMPRESSED: Final = b"\x01"
_LEVEL: Final = 3
"""Of zlib: a third of level 6's time, and 8 % more bytes."""

_HEAD: Final = struct.Struct(">cI")
_REFERENCE: Final = struct.Struct(">c32sI")

Row = bytes | memoryview
Fetch = Callable[[Iterable[bytes]], dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are kept apart, and their SHA-256."""

    digest: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """What the row holds, and what must be committed with it."""

    row: bytes
    apart: Content | None = None


def compressed(data: bytes, what: str = "payload") -> bytes:
    """The row that holds these JSON bytes itself, whatever their size. Compresses about 100 MB a second.

    Raises PayloadTooLarge, which calls it `what`, above 50 MiB.
    """
    require_size(data, what)
    if len(data) < COMPRESSED_FROM:
        return data
    smaller = _HEAD.pack(_COMPRESSED, len(data)) + zlib.compress(data, _LEVEL)
    return smaller if len(smaller) < len(data) else data


def pack(data: bytes, what: str = "payload") -> Packed:
    """The form in which these JSON bytes are stored; see `compressed`."""
    kept = compressed(data, what)
    if len(data) < APART_FROM:
        return Packed(kept)
    content = Content(sha256(kept).digest(), kept)
    return Packed(_REFERENCE.pack(REFERENCES[0], content.digest, len(data)), content)


def require_size(data: bytes, what: str) -> None:
    """Raises PayloadTooLarge above 50 MiB."""
    if len(data) > LARGEST:
        raise PayloadTooLarge(f"The {what} has {len(data)} bytes of JSON; at most {LARGEST} are kept.")


def digest_of(row: Row) -> bytes | None:
    """The hash of the bytes that the row refers to; None when it holds them itself."""
    return bytes(row[1:33]) if bytes(row[:1]) == REFERENCES[0] else None


def size_of(row: Row) -> int:
    """How many bytes of JSON there are."""
    kind = bytes(row[:1])
    if kind == REFERENCES[0]:
        return int(_REFERENCE.unpack(row)[2])
    return int(_HEAD.unpack(row[: _HEAD.size])[1]) if kind == _COMPRESSED else len(row)


def unpack(rows: Sequence[Row], fetch: Fetch) -> list[bytes]:
    """The JSON bytes of the rows, in their order; `fetch` is asked once, and only for what lies apart.

    Raises NotFound (`blob_not_found`) when something that lies apart is gone.
    """
    digests = {digest for row in rows if (digest := digest_of(row)) is not None}
    found = fetch(digests) if digests else {}
    return [_opened(row, found) for row in rows]


def store(workspace_id: UUID, data: bytes, what: str = "payload") -> bytes:
    """The row for these JSON bytes. What lies apart is written now and needs the caller's transaction.

    Raises PayloadTooLarge above 50 MiB.
    """
    packed = pack(data, what)
    if packed.apart is not None:
        # Outside one, nothing would keep the bytes until the row that refers to them is there.
        if not transaction.get_connection().in_atomic_block:
            raise transaction.TransactionManagementError("A large payload is stored in the transaction of its row.")
        blobs.store(workspace_id, packed.apart.data)
    return packed.row


def read(workspace_id: UUID, row: Row) -> bytes:
    """The JSON bytes of a row. One query for what lies apart, else none. Raises NotFound (`blob_not_found`)."""
    return unpack([row], lambda digests: blobs.load_many(workspace_id, digests))[0]


def load(workspace_id: UUID, row: Row) -> Any:
    """The value of a row; see `read`."""
    return canonical.load(read(workspace_id, row))


def load_many(workspace_id: UUID, rows: Sequence[Row | None]) -> list[Any]:
    """The values of many rows in their order, None for those without one; one query for all that lies apart."""
    there = [row for row in rows if row is not None]
    values = iter(unpack(there, lambda digests: blobs.load_many(workspace_id, digests)))
    return [None if row is None else canonical.load(next(values)) for row in rows]


def _opened(row: Row, found: dict[bytes, bytes]) -> bytes:
    digest = digest_of(row)
    if digest is not None and digest not in found:
        raise NotFound("A payload that is kept apart is gone.", code="blob_not_found", digest=digest.hex())
    kept = bytes(row) if digest is None else found[digest]
    return zlib.decompress(kept[_HEAD.size :]) if kept[:1] == _COMPRESSED else kept
