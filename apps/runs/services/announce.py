"""Telling the completion hooks, and remembering that they were told."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from apps.runs.hooks import announce
from apps.runs.models import Run

logger = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(minutes=1)

DUE: Final = Q(announced_at=None) & (Q(next_wake_at=None) | Q(next_wake_at__lte=Now()))
"""Runs whose hooks nobody is calling now, or called in the last minute."""


def announce_run(run_id: UUID, status: str) -> bool:
    """Call the hooks for a run that has ended; False, and a line in the log, when one of them failed.

    For a minute nobody else calls them: neither while they work, nor after one has failed. A run whose hooks failed, or
    never came back, stays unannounced, and the sweeper calls them again.
    """
    ended = Run.objects.filter(id=run_id, status=status)
    if not ended.filter(DUE).update(next_wake_at=Now() + AGAIN_AFTER):
        return False
    try:
        announce(run_id, status)
    except (Exception, SystemExit):  # a hook is the user's code: whatever it raises must not touch the platform
        logger.exception("A completion hook failed; it will be called again.")
        return False
    ended.update(announced_at=Now(), next_wake_at=None)
    return True
