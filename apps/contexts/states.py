"""The states of documents and of ingest work, and which may follow which."""

from django.db import models


class DocumentState(models.TextChoices):
    """Whether readers find the document; a ready one stays ready while its successor is prepared."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class JobState(models.TextChoices):
    """`queued -> running -> finished`: what became of each document is counted beside it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


class ItemState(models.TextChoices):
    """`pending -> running -> done | skipped | failed`; a running one whose lease ran out is taken again."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


OPEN_ITEM_STATES = (ItemState.PENDING, ItemState.RUNNING)
"""An item in one of these still needs a worker."""
