"""Bytes by their hash: stored once per workspace, never changed."""

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence, Set

from django.db import connection, transaction

from apps.core.exceptions import NotFound
from apps.core.models import Blob


def store(workspace_id: uuid.UUID, data: bytes) -> bytes:
    """Keep the bytes and return their SHA-256 (32 bytes). One INSERT that does nothing when they are already there."""
    digest = hashlib.sha256(data).digest()
    _hold(workspace_id, shared=True)
    blob = Blob(workspace_id=workspace_id, digest=digest, size=len(data), data=data)
    Blob.objects.bulk_create([blob], ignore_conflicts=True)
    return digest


def load(workspace_id: uuid.UUID, digest: bytes) -> bytes:
    """The bytes under this hash in this workspace. Raises NotFound (`blob_not_found`)."""
    found = Blob.objects.filter(workspace_id=workspace_id, digest=digest).values_list("data", flat=True).first()
    if found is None:
        raise NotFound("No bytes are stored under this hash.", code="blob_not_found", digest=bytes(digest).hex())
    return bytes(found)


def store_many(workspace_id: uuid.UUID, contents: Sequence[bytes]) -> list[bytes]:
    """Keep each content and return their hashes in the same order. One INSERT for all; none for an empty list."""
    digests = [hashlib.sha256(data).digest() for data in contents]
    # Sorted, so that two writers of the same contents never wait for each other in a circle.
    unique = sorted(zip(digests, contents, strict=True))
    blobs = [Blob(workspace_id=workspace_id, digest=digest, size=len(data), data=data) for digest, data in unique]
    if blobs:
        _hold(workspace_id, shared=True)
    Blob.objects.bulk_create(blobs, ignore_conflicts=True)
    return digests


def load_many(workspace_id: uuid.UUID, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """The bytes under these hashes, by hash, in one query; a hash that is not there is not in the answer."""
    rows = Blob.objects.filter(workspace_id=workspace_id, digest__in=set(digests)).values_list("digest", "data")
    return {bytes(digest): bytes(data) for digest, data in rows}


@transaction.atomic
def delete_unused(
    workspace_id: uuid.UUID, digests: Collection[bytes], used: Callable[[Collection[bytes]], Set[bytes]]
) -> int:
    """Delete those of the bytes that nothing refers to any more, by the caller's word; how many went.

    Waits for transactions that store bytes in this workspace, and makes new ones wait: whoever stored bytes and has not
    committed yet may be about to refer to those that are there already.
    """
    _hold(workspace_id, shared=False)
    unused = set(digests) - used(digests)
    deleted, _ = Blob.objects.filter(workspace_id=workspace_id, digest__in=unused).delete()
    return deleted


def _hold(workspace_id: uuid.UUID, *, shared: bool) -> None:
    """Until the transaction ends, no bytes of the workspace are deleted (shared) or stored (not shared)."""
    lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(hashtextextended(%s, 0))", [f"core.blobs:{workspace_id}"])
