"""Tells the batch workers that documents wait. Best effort: the sweeper rings again for jobs that stand still."""

import logging
import uuid
from functools import partial
from typing import Final

from django.db import transaction

from apps.core.dispatch import UNDELIVERED, deliver

logger = logging.getLogger(__name__)

ADVANCE: Final = "workers.batch.advance_ingest"
_PARALLEL: Final = 4
_DOCUMENTS_EACH: Final = 16


def ring_ingest(job_id: uuid.UUID, *, waiting: int = 1) -> None:
    """Ring once the transaction has committed, for as many workers as `waiting` documents can use.

    A message may be lost, doubled or late, and nothing breaks; an absent Redis is logged and no error.
    """
    messages = min(_PARALLEL, -(-waiting // _DOCUMENTS_EACH))
    if messages:
        transaction.on_commit(partial(_send, job_id, messages))


def _send(job_id: uuid.UUID, messages: int) -> None:
    try:
        for _ in range(messages):
            deliver(ADVANCE, str(job_id))
    except UNDELIVERED as error:
        extra = {"job": str(job_id), "error": str(error)}
        logger.warning("Redis is away; the sweeper will ring for the job.", extra=extra)
