"""Ingesting without a worker process: the test plays the worker."""

from apps.contexts.documents.services import ingest
from apps.contexts.documents.values import Upload
from apps.contexts.models import Context, IngestJob
from workers.batch.pipeline import advance_ingest


def upload(name: str, text: str | bytes, **fields) -> Upload:
    return Upload(name, text if isinstance(text, bytes) else text.encode(), **fields)


def work_off(job: IngestJob) -> IngestJob:
    """Do what a worker does until nothing is left."""
    while advance_ingest(job.id):
        pass
    job.refresh_from_db()
    return job


def ingest_now(context: Context, *uploads: Upload) -> IngestJob:
    return work_off(ingest(context, uploads))
