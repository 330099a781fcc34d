"""Bytes are stored once per workspace."""

import hashlib

import pytest

from apps.core import blobs
from apps.core.exceptions import NotFound
from apps.core.ids import new_id
from apps.core.models import Blob

pytestmark = pytest.mark.django_db


def test_it_works() -> None:
    workspace = new_id()
    digest = blobs.store(workspace, b"\0\xff bytes")
    assert digest == hashlib.sha256(b"\0\xff bytes").digest()
    assert blobs.load(workspace, digest) == b"\0\xff bytes"


def test_the_same_bytes_are_one_row() -> None:
    workspace = new_id()
    assert blobs.store(workspace, b"x") == blobs.store(workspace, b"x")
    blob = Blob.objects.get()
    assert (blob.size, blob.created_at is not None) == (1, True)


def test_another_workspace_does_not_see_them() -> None:
    digest = blobs.store(new_id(), b"x")
    with pytest.raises(NotFound) as caught:
        blobs.load(new_id(), digest)
    assert caught.value.code == "blob_not_found"
    assert caught.value.details == {"digest": digest.hex()}


def test_nothing_and_much_are_bytes_too() -> None:
    workspace = new_id()
    for data in (b"", b"x" * 5_000_000):
        assert blobs.load(workspace, blobs.store(workspace, data)) == data
