"""Reads of documents and of the jobs that ingest them."""

import uuid

from django.utils import timezone

from apps.contexts.exceptions import ReferenceNotFound
from apps.contexts.models import Document, IngestJob
from apps.contexts.references import Passage, open_reference


def ended(job: IngestJob) -> int:
    """How many of the job's documents have come to their end, whichever it was."""
    return job.done + job.skipped + job.failed


def rate_per_s(job: IngestJob) -> float | None:
    """Documents a second since the job's start; None before it, and for a job that had nothing to do."""
    if job.started_at is None or job.done + job.failed == 0:
        return None
    seconds = ((job.finished_at or timezone.now()) - job.started_at).total_seconds()
    return round((job.done + job.failed) / seconds, 3) if seconds > 0 else None


def eta_s(job: IngestJob) -> float | None:
    """Seconds to go at the present rate; None when nobody can tell, 0 at the end."""
    rate = rate_per_s(job)
    left = job.total - ended(job)
    if not left:
        return 0.0
    return round(left / rate, 1) if rate else None


def document_text(workspace_id: uuid.UUID, document: Document, *, start: int, end: int | None) -> Passage:
    """Some characters of the document's current text. Raises ReferenceNotFound while it has none."""
    if not document.revision:
        raise ReferenceNotFound("The document has no text yet.", code="document_not_ready")
    ref = f"doc:{document.id}@{document.revision}:0-0"
    passage = open_reference(workspace_id, ref, allowed_context_ids=[document.context_id], start=start, end=end)
    span = f"doc:{document.id}@{document.revision}:{passage.start}-{passage.end}"
    return Passage(span, passage.title, passage.text, passage.start, passage.end, passage.total)
