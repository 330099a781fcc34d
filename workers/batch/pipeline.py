"""One bounded piece of an ingest job: claim some documents, prepare them, embed their passages, publish each."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from apps.contexts.dispatch import ring_ingest
from apps.contexts.documents.progress import (
    LeaseLost,
    claim_items,
    fail_item,
    known_vectors,
    publish,
    renew_leases,
)
from apps.contexts.documents.values import Passage, Prepared, Vector
from apps.contexts.exceptions import UnreadableDocument
from apps.contexts.models import IngestItem
from apps.core import blobs
from apps.providers.embeddings import get_embedder
from workers.batch.chunking import cut, title_of
from workers.batch.loading import load_text

logger = logging.getLogger(__name__)

EMBED_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document that is cut, and not yet embedded."""

    item: IngestItem
    title: str
    text: str
    passages: tuple[Passage, ...]


def advance_ingest(job_id: uuid.UUID) -> int:
    """Bring some documents of the job to their end and ring for the rest; how many were taken.

    May be called at any time, by any number of workers, any number of times.
    """
    items = claim_items(job_id)
    if not items:
        return 0
    drafts = [draft for item in items if (draft := _draft(item)) is not None]
    model = items[0].job.embedding_model
    vectors = _vectors(job_id, drafts, model)
    for draft in drafts:
        _publish(draft, vectors, model)
    ring_ingest(job_id)
    return len(items)


def _draft(item: IngestItem) -> _Draft | None:
    """The document's text and passages; None, and the reason on its row, when it cannot be read."""
    try:
        text = load_text(blobs.load(item.workspace_id, bytes(item.digest)), item.media_type)
        title = item.title or title_of(text, item.document.name, item.media_type)
        return _Draft(item, title, text, cut(text, title, item.media_type))
    except (UnreadableDocument, ValueError, RecursionError) as error:
        _fail(item, error)
        return None


def _fail(item: IngestItem, error: Exception) -> None:
    reason = error.code if isinstance(error, UnreadableDocument) else "unreadable_document"
    logger.info("A document cannot be ingested.", extra={"document": str(item.document_id), "reason": reason})
    try:
        fail_item(item, reason=reason, detail=str(error)[:1_000])
    except LeaseLost:
        logger.warning("Another worker has the document.", extra={"document": str(item.document_id)})


def _vectors(job_id: uuid.UUID, drafts: Sequence[_Draft], model: str) -> dict[bytes, Vector]:
    """A vector for each distinct passage; only texts that nobody embedded before are embedded. Renews the leases."""
    if not drafts:
        return {}
    texts = {passage.digest: f"{passage.heading}\n{passage.text}" for draft in drafts for passage in draft.passages}
    found: dict[bytes, Vector] = dict(known_vectors(drafts[0].item.workspace_id, texts, model))
    embedder = get_embedder(model)
    for digests in _batches(digest for digest in texts if digest not in found):
        found |= zip(digests, embedder.embed([texts[digest] for digest in digests]), strict=True)
        renew_leases(job_id, [draft.item for draft in drafts])
    return found


def _publish(draft: _Draft, vectors: dict[bytes, Vector], model: str) -> None:
    own = tuple(vectors[passage.digest] for passage in draft.passages)
    try:
        publish(draft.item, Prepared(draft.title, draft.text, draft.passages, own), model)
    except LeaseLost:
        logger.warning("Another worker has the document.", extra={"document": str(draft.item.document_id)})


def _batches(digests: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(digests, EMBED_AT_ONCE)):
        yield batch
