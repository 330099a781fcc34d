"""Rows that served their time."""

from datetime import timedelta
from typing import Final

from django.db.models.functions import Now
from oauth2_provider.models import clear_expired

from apps.core.models import IdempotencyKey
from apps.runs.models import WorkerProcess

WORKERS_KEPT: Final = timedelta(days=1)
KEYS_AT_ONCE: Final = 1_000


def collect_garbage() -> int:
    """Remove expired idempotency keys and tokens, and workers that left a day ago; how many keys and workers."""
    keys = _expired_keys()
    workers, _ = WorkerProcess.objects.filter(expires_at__lt=Now() - WORKERS_KEPT).delete()
    clear_expired()
    return keys + workers


def _expired_keys() -> int:
    """A thousand in each statement, so that none holds its locks for long."""
    gone = 0
    while ids := list(IdempotencyKey.objects.filter(expires_at__lt=Now()).values_list("id", flat=True)[:KEYS_AT_ONCE]):
        gone += IdempotencyKey.objects.filter(id__in=ids, expires_at__lt=Now()).delete()[0]
    return gone
