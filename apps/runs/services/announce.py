"""Telling the completion hooks, and remembering that they were told."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from apps.runs.hooks import announce
from apps.runs.models import Run

logger = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(minutes=1)


def announce_run(run_id: UUID, status: str) -> bool:
    """Call the hooks for a run that has ended; False, and a line in the log, when one of them failed.

    A run whose hooks failed stays unannounced, and the sweeper calls them again from a minute later on.
    """
    try:
        announce(run_id, status)
    except Exception:  # a hook is the user's code: whatever it raises must not touch the platform
        logger.exception("A completion hook failed; it will be called again.")
        Run.objects.filter(id=run_id, announced_at=None, status=status).update(next_wake_at=Now() + AGAIN_AFTER)
        return False
    Run.objects.filter(id=run_id).update(announced_at=Now())
    return True
