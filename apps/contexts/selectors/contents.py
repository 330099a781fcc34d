"""Which stored contents the tables of contexts refer to."""

import uuid
from collections.abc import Collection

from django.db.models import Model

from apps.contexts.models import DocumentRevision, Entry, IngestItem


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
