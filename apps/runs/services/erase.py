"""Removing a finished run with everything that it left behind."""

from uuid import UUID

from django.db import transaction

from apps.core.models import Blob
from apps.runs.exceptions import RunNotFinished
from apps.runs.models import Run
from apps.runs.selectors import get_run
from apps.runs.states import TERMINAL


def erase_run(workspace_id: UUID, run_id: UUID) -> None:
    """Delete the run, its steps, events and effects, and attachments that no other run refers to.

    Raises RunNotFound, and RunNotFinished while the run is not terminal: cancel it first.
    """
    run = get_run(workspace_id, run_id)
    if run.status not in TERMINAL:
        raise RunNotFinished(f"The run is {run.status}; cancel it before erasing it.")
    digests = [attachment["digest"] for attachment in run.attachments]
    with transaction.atomic():
        run.delete()
        for digest in digests:
            _drop_if_orphaned(workspace_id, digest)


def _drop_if_orphaned(workspace_id: UUID, digest: str) -> None:
    shared = Run.objects.filter(workspace_id=workspace_id, attachments__contains=[{"digest": digest}]).exists()
    if not shared:
        Blob.objects.filter(workspace_id=workspace_id, digest=bytes.fromhex(digest)).delete()
