"""Takes what a workspace no longer keeps, a little at a time; it may be interrupted anywhere, and begins again."""

import logging
import time
from collections import Counter
from typing import Final

from django.db.models import F

from apps.runs.models import Retention
from apps.runs.services.retention import apply_retention

logger = logging.getLogger(__name__)

SECONDS: Final = 60.0
"""Of one call; the rest waits for the next one."""


def sweep_retention(seconds: float = SECONDS) -> Counter[str]:
    """Take what is too old, beginning with the workspace whose last turn is longest ago; how many of what went."""
    deadline = time.monotonic() + seconds
    total: Counter[str] = Counter()
    for retention in Retention.objects.order_by(F("swept_at").asc(nulls_first=True), "id"):
        gone = _swept(retention, deadline)
        total += gone
        if gone:
            logger.info("Retention.", extra={"workspace": str(retention.workspace_id), **gone})
        if time.monotonic() >= deadline:
            break
    return total


def _swept(retention: Retention, deadline: float) -> Counter[str]:
    gone: Counter[str] = Counter()
    for removed in apply_retention(retention):
        gone.update(runs=removed.runs, payloads=removed.payloads, blobs=removed.blobs)
        if time.monotonic() >= deadline:
            break
    return +gone
