"""Bytes by their hash: stored once per workspace, never changed."""

import hashlib
import uuid

from apps.core.exceptions import NotFound
from apps.core.models import Blob


def store(workspace_id: uuid.UUID, data: bytes) -> bytes:
    """Keep the bytes and return their SHA-256 (32 bytes). One INSERT that does nothing when they are already there."""
    digest = hashlib.sha256(data).digest()
    blob = Blob(workspace_id=workspace_id, digest=digest, size=len(data), data=data)
    Blob.objects.bulk_create([blob], ignore_conflicts=True)
    return digest


def load(workspace_id: uuid.UUID, digest: bytes) -> bytes:
    """The bytes under this hash in this workspace. Raises NotFound (`blob_not_found`)."""
    found = Blob.objects.filter(workspace_id=workspace_id, digest=digest).values_list("data", flat=True).first()
    if found is None:
        raise NotFound("No bytes are stored under this hash.", code="blob_not_found", digest=bytes(digest).hex())
    return bytes(found)
