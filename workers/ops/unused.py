"""Bytes that nothing refers to: whoever stored them died before the row that was to refer to them."""

from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from apps.core.models import Blob, Walk
from apps.runs.references import release_unused

NAME: Final = "unused blobs"
AGE: Final = timedelta(days=1)
"""Younger ones may belong to a transaction that is still open."""
LOOKED_AT: Final = 1_000
BATCH: Final = 200


def collect_unused(limit: int = LOOKED_AT) -> int:
    """Look at the next blobs in the order of their ids, from where the last call stopped; how many went.

    Having come to the end, the next call begins with the first one again.
    """
    gone = 0
    for _ in range(0, limit, BATCH):
        with transaction.atomic():
            rows = _next(BATCH)
            for workspace_id, blobs in groupby(sorted(rows), key=itemgetter(0)):
                gone += release_unused(workspace_id, {bytes(digest) for _, digest in blobs})
        if len(rows) < BATCH:
            break
    return gone


def _next(count: int) -> list[tuple[UUID, bytes]]:
    walk, _ = Walk.objects.select_for_update().get_or_create(name=NAME, defaults={"position": UUID(int=0)})
    blobs = Blob.objects.filter(id__gt=walk.position, created_at__lt=Now() - AGE).order_by("id")
    rows = list(blobs.values_list("id", "workspace_id", "digest")[:count])
    walk.position = rows[-1][0] if len(rows) == count else UUID(int=0)
    walk.save()
    return [(workspace_id, bytes(digest)) for _, workspace_id, digest in rows]
