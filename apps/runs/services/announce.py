"""Telling the completion hooks, and remembering that they were told."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from apps.runs.hooks import announce
from apps.runs.models import Run

logger = logging.getLogger(__name__)

AGAIN_AT: Final = Now() + Greatest(timedelta(minutes=1), Now() - F("finished_at"))
"""In a minute, or as long from now as the run's end is past: the pauses double."""

DUE: Final = Q(announced_at=None) & (Q(next_wake_at=None) | Q(next_wake_at__lte=Now()))
"""Runs whose hooks nobody is calling now, or called a moment ago."""


def announce_run(run_id: UUID, status: str) -> bool:
    """Call the hooks for a run that has ended; False, and a line in the log, when one of them failed.

    For a minute or longer nobody else calls them: neither while they work, nor after one has failed. A run whose hooks
    failed, or never came back, stays unannounced, and the sweeper calls them again after pauses that double.
    """
    ended = Run.objects.filter(id=run_id, status=status)
    if not ended.filter(DUE).update(next_wake_at=AGAIN_AT):
        return False
    try:
        announce(run_id, status)
    except (Exception, SystemExit):  # a hook is the user's code: whatever it raises must not touch the platform
        logger.exception("A completion hook failed; it will be called again.")
        return False
    ended.update(announced_at=Now(), next_wake_at=None)
    return True
