"""What workers write while a job runs: claims with leases, published documents, failures.

The item's row is the truth: a message may come twice or never. A worker that lost its lease writes nothing, because
each of its writes names the attempt it claimed.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.contexts.dispatch import ring_ingest
from apps.contexts.documents.recipe import recipe
from apps.contexts.documents.values import Prepared
from apps.contexts.models import Chunk, Document, DocumentRevision, IngestItem, IngestJob
from apps.contexts.states import OPEN_ITEM_STATES, DocumentState, ItemState, JobState
from apps.core import blobs

MAX_ATTEMPTS: Final = 3
LEASE: Final = timedelta(seconds=60)
SILENCE: Final = timedelta(seconds=30)
_BATCH_ITEMS: Final = 64
_BATCH_BYTES: Final = 256 * 1024
_INSERT_SIZE: Final = 500


class LeaseLost(Exception):
    """Another worker has taken the item; whatever this one prepared is dropped."""


@transaction.atomic
def claim_items(job_id: uuid.UUID) -> list[IngestItem]:
    """Take some documents of the job: a batch of fresh ones, or a single one that already cost a worker its life.

    An item that was claimed three times without an end fails here. Nobody waits: rows that another worker is claiming
    at this moment are passed over.
    """
    free = _claimable(job_id).select_for_update(skip_locked=True, of=("self",)).select_related("job", "document")
    rows = list(free.order_by("id")[:_BATCH_ITEMS])
    spent, rows = (
        [row for row in rows if row.attempts >= MAX_ATTEMPTS],
        [row for row in rows if row.attempts < MAX_ATTEMPTS],
    )
    for row in spent:
        _end(row, ItemState.FAILED, "attempts_exhausted", f"{MAX_ATTEMPTS} workers died or stalled over it.")
    claimed = list(_together(rows))
    for row in claimed:
        row.attempts += 1
    _items(claimed).update(state=ItemState.RUNNING, attempts=F("attempts") + 1, leased_until=Now() + LEASE)
    _touch(job_id)
    return claimed


def renew_leases(job_id: uuid.UUID, items: Sequence[IngestItem]) -> None:
    """Say that these items are still being worked on."""
    for item in items:
        _mine(item).update(leased_until=Now() + LEASE)
    _touch(job_id)


@transaction.atomic
def publish(item: IngestItem, prepared: Prepared, embedding_model: str) -> None:
    """Replace the document's text and chunks at once. Raises LeaseLost. Locks the document's row."""
    document = Document.objects.select_for_update().filter(pk=item.document_id).first()
    if document is None:
        raise LeaseLost(f"The document {item.document_id} was deleted.")
    # Two jobs may bring the same document: whichever ends first, the later upload's text must stay.
    if IngestItem.objects.filter(document=document, id__gt=item.id).exclude(state=ItemState.FAILED).exists():
        _end(item, ItemState.SKIPPED, "superseded", "A later job brings the same document.")
        return
    _write_revision(document, item, prepared)
    Chunk.objects.filter(document=document).delete()
    Chunk.objects.bulk_create(_chunks(document, prepared, embedding_model), batch_size=_INSERT_SIZE)
    _describe(document, item, prepared, embedding_model)
    # Last, since it locks the job's row, at which all workers of the job would wait. A lost lease undoes all of it.
    _end(item, ItemState.DONE, "", "", chunks=len(prepared.passages))


@transaction.atomic
def fail_item(item: IngestItem, *, reason: str, detail: str) -> None:
    """The document cannot be ingested; an earlier text of it stays readable. Raises LeaseLost."""
    # The document before the item, as everywhere: a deletion at the same moment then waits, and is no deadlock.
    Document.objects.select_for_update().filter(pk=item.document_id).first()
    _end(item, ItemState.FAILED, reason, detail)


def withdraw(document: Document) -> None:
    """End whatever jobs still want with the document, so that they finish without it. Holds its row's lock."""
    Document.objects.select_for_update().get(pk=document.pk)
    for item in IngestItem.objects.select_for_update().filter(document=document, state__in=OPEN_ITEM_STATES):
        _end(item, ItemState.SKIPPED, "deleted", "The document was deleted.")


def ring_stalled_jobs() -> int:
    """Ring for the jobs that nobody has touched for half a minute though documents wait; how many they were."""
    silent = IngestJob.objects.exclude(state=JobState.FINISHED).filter(touched_at__lt=Now() - SILENCE)
    waiting = [job_id for job_id in silent.values_list("id", flat=True) if _claimable(job_id).exists()]
    for job_id in waiting:
        ring_ingest(job_id)
    return len(waiting)


def known_vectors(workspace_id: uuid.UUID, digests: Iterable[bytes], embedding_model: str) -> dict[bytes, list[float]]:
    """The vectors that texts with these hashes already have, of any document of the workspace."""
    rows = Chunk.objects.filter(
        workspace_id=workspace_id, digest__in=set(digests), embedding_model=embedding_model
    ).values_list("digest", "embedding")
    return {bytes(digest): vector for digest, vector in rows}


def _claimable(job_id: uuid.UUID) -> QuerySet[IngestItem]:
    expired = Q(state=ItemState.RUNNING, leased_until__lt=Now())
    return IngestItem.objects.filter(Q(state=ItemState.PENDING) | expired, job_id=job_id, state__in=OPEN_ITEM_STATES)


def _together(rows: Sequence[IngestItem]) -> Iterator[IngestItem]:
    """Whoever was tried before goes alone, so that a document that kills its worker harms no neighbours twice."""
    if rows and rows[0].attempts:
        yield rows[0]
        return
    size = 0
    for row in takewhile(lambda row: not row.attempts, rows):
        size += row.size
        if size > _BATCH_BYTES and size != row.size:
            return
        yield row


def _end(item: IngestItem, state: ItemState, reason: str, detail: str, *, chunks: int = 0) -> None:
    if not _mine(item).update(state=state, reason=reason, detail=detail, leased_until=None):
        raise LeaseLost(str(item.id))
    counter = {ItemState.DONE: "done", ItemState.SKIPPED: "skipped", ItemState.FAILED: "failed"}[state]
    IngestJob.objects.filter(pk=item.job_id).update(**{counter: F(counter) + 1}, chunks=F("chunks") + chunks)
    if state == ItemState.FAILED:
        first = Document.objects.filter(pk=item.document_id, revision=0)
        first.update(state=DocumentState.FAILED, reason=reason, detail=detail)
    _finish(item.job_id)


def _finish(job_id: uuid.UUID) -> None:
    ended = IngestJob.objects.filter(pk=job_id, total=F("done") + F("skipped") + F("failed"))
    ended.update(state=JobState.FINISHED, finished_at=Now())


def _mine(item: IngestItem) -> QuerySet[IngestItem]:
    return IngestItem.objects.filter(pk=item.pk, state__in=OPEN_ITEM_STATES, attempts=item.attempts)


def _items(items: Sequence[IngestItem]) -> QuerySet[IngestItem]:
    return IngestItem.objects.filter(pk__in=[item.pk for item in items])


def _touch(job_id: uuid.UUID) -> None:
    IngestJob.objects.filter(pk=job_id, state=JobState.QUEUED).update(state=JobState.RUNNING, started_at=Now())
    IngestJob.objects.filter(pk=job_id).update(touched_at=Now())


def _write_revision(document: Document, item: IngestItem, prepared: Prepared) -> None:
    document.revision += 1
    DocumentRevision.objects.create(
        workspace_id=document.workspace_id,
        document=document,
        number=document.revision,
        digest=item.digest,
        text_digest=blobs.store(document.workspace_id, prepared.text.encode()),
        characters=len(prepared.text),
    )


def _chunks(document: Document, prepared: Prepared, embedding_model: str) -> list[Chunk]:
    return [
        Chunk(
            workspace_id=document.workspace_id,
            context_id=document.context_id,
            document=document,
            n=n,
            start=passage.start,
            end=passage.end,
            heading=passage.heading,
            text=passage.text,
            digest=passage.digest,
            tokens=passage.tokens,
            embedding_model=embedding_model,
            embedding=vector,
        )
        for n, (passage, vector) in enumerate(zip(prepared.passages, prepared.vectors, strict=True))
    ]


def _describe(document: Document, item: IngestItem, prepared: Prepared, embedding_model: str) -> None:
    document.title, document.media_type, document.metadata = prepared.title, item.media_type, item.metadata
    document.digest, document.size = item.digest, item.size
    document.chunk_count = len(prepared.passages)
    document.token_count = sum(passage.tokens for passage in prepared.passages)
    document.state, document.reason, document.detail = DocumentState.READY, "", ""
    document.recipe = recipe(embedding_model)
    document.save()
