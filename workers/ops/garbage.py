"""Rows that served their time."""

from datetime import timedelta
from typing import Final

from django.db.models.functions import Now
from oauth2_provider.models import clear_expired

from apps.core.models import IdempotencyKey
from apps.runs.models import WorkerProcess

WORKERS_KEPT: Final = timedelta(days=1)


def collect_garbage() -> int:
    """Remove expired idempotency keys and tokens, and workers that left a day ago; how many keys and workers."""
    keys, _ = IdempotencyKey.objects.filter(expires_at__lt=Now()).delete()
    workers, _ = WorkerProcess.objects.filter(expires_at__lt=Now() - WORKERS_KEPT).delete()
    clear_expired()
    return keys + workers
