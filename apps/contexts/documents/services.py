"""Taking documents in: what the API writes when a job begins."""

from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.contexts.dispatch import ring_ingest
from apps.contexts.documents.progress import withdraw
from apps.contexts.documents.recipe import recipe
from apps.contexts.documents.values import Upload
from apps.contexts.models import Context, Document, IngestItem, IngestJob
from apps.contexts.states import DocumentState, ItemState, JobState
from apps.core import blobs
from apps.core.exceptions import Fault, InvalidInput

MAX_DOCUMENTS: Final = 1_000
MAX_BYTES: Final = 4 * 1024 * 1024
"""A worker ends a document in one go: this is what MiniLM embeds in about four minutes on two cores."""

MAX_NAME: Final = 500
MAX_TITLE: Final = 300


@transaction.atomic
def ingest(context: Context, uploads: Sequence[Upload]) -> IngestJob:
    """Store the files and start the batch work that makes them searchable. Raises InvalidInput, naming each fault.

    A file whose bytes are those of the ready document of its name is skipped at once. Readers find a changed document's
    old text until the new one is ready.
    """
    _check(uploads)
    digests = blobs.store_many(context.workspace_id, [upload.data for upload in uploads])
    documents = _documents(context, uploads)
    job = IngestJob(
        workspace_id=context.workspace_id,
        context=context,
        embedding_model=settings.CEF_EMBEDDER,
        total=len(uploads),
    )
    items = [
        _item(job, documents[upload.name], upload, digest) for upload, digest in zip(uploads, digests, strict=True)
    ]
    job.skipped = sum(item.state == ItemState.SKIPPED for item in items)
    if job.skipped == job.total:
        job.state, job.started_at, job.finished_at = JobState.FINISHED, Now(), Now()
    job.save(force_insert=True)
    job.refresh_from_db(fields=["started_at", "finished_at"])
    IngestItem.objects.bulk_create(items)
    ring_ingest(job.id, waiting=job.total - job.skipped)
    return job


@transaction.atomic
def delete_document(document: Document) -> None:
    """Delete it with its chunks and revisions; references into it then lead nowhere. Jobs go on without it."""
    withdraw(document)
    document.delete()


def _check(uploads: Sequence[Upload]) -> None:
    faults = []
    if not 0 < len(uploads) <= MAX_DOCUMENTS:
        faults.append(Fault("/documents", "count", f"A job has 1 to {MAX_DOCUMENTS} documents."))
    seen: set[str] = set()
    for n, upload in enumerate(uploads):
        if not 0 < len(upload.name) <= MAX_NAME or not upload.name.isprintable():
            faults.append(Fault(f"/documents/{n}/name", "invalid_name", f"1 to {MAX_NAME} printable characters."))
        if upload.name in seen:
            faults.append(Fault(f"/documents/{n}/name", "duplicate_name", "The name is in this job twice."))
        if len(upload.data) > MAX_BYTES:
            faults.append(Fault(f"/documents/{n}", "too_large", f"At most {MAX_BYTES} bytes are accepted."))
        seen.add(upload.name)
    if faults:
        raise InvalidInput(errors=faults)


def _documents(context: Context, uploads: Sequence[Upload]) -> Mapping[str, Document]:
    """The rows of these names, made where they are missing; sorted, so that two jobs never wait in a circle."""
    new = [
        Document(
            workspace_id=context.workspace_id,
            context=context,
            name=upload.name,
            title=(upload.title or upload.name)[:MAX_TITLE],
            media_type=upload.media_type,
        )
        for upload in sorted(uploads, key=lambda upload: upload.name)
    ]
    Document.objects.bulk_create(new, ignore_conflicts=True)
    names = [upload.name for upload in uploads]
    return {document.name: document for document in Document.objects.filter(context=context, name__in=names)}


def _item(job: IngestJob, document: Document, upload: Upload, digest: bytes) -> IngestItem:
    item = IngestItem(
        workspace_id=job.workspace_id,
        job=job,
        document=document,
        title=upload.title[:MAX_TITLE],
        media_type=upload.media_type,
        metadata=dict(upload.metadata),
        digest=digest,
        size=len(upload.data),
    )
    if _is_unchanged(document, item, job.embedding_model):
        item.state, item.reason = ItemState.SKIPPED, "unchanged"
    return item


def _is_unchanged(document: Document, item: IngestItem, embedding_model: str) -> bool:
    return (
        document.state == DocumentState.READY
        and document.digest == item.digest
        and document.media_type == item.media_type
        and document.recipe == recipe(embedding_model)
        and document.title == (item.title or document.title)
        and document.metadata == item.metadata
    )
