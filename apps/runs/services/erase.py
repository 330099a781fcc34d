"""Removing a finished run with everything that it left behind."""

from functools import partial
from uuid import UUID

from django.db import transaction

from apps.contexts.selectors import keeps_content
from apps.core import blobs
from apps.core.idempotency import erase_answers
from apps.runs.exceptions import RunNotFinished, RunNotFound
from apps.runs.models import Run
from apps.runs.states import TERMINAL


@transaction.atomic
def erase_run(workspace_id: UUID, run_id: UUID) -> None:
    """Delete the run, its steps, events and effects, and attachments that no other run and no context refers to.

    Answers kept for an Idempotency-Key that describe the run are emptied too.

    Raises RunNotFound, and RunNotFinished while the run is not terminal: cancel it first.
    """
    # Locked, because a failed run may be resumed at the same moment.
    run = Run.objects.select_for_update().filter(workspace_id=workspace_id, id=run_id).first()
    if run is None:
        raise RunNotFound
    if run.status not in TERMINAL:
        raise RunNotFinished(f"The run is {run.status}; cancel it before erasing it.")
    digests = [bytes.fromhex(attachment["digest"]) for attachment in run.attachments]
    run.delete()
    erase_answers(run_id)
    if digests:
        blobs.delete_unused(workspace_id, digests, partial(_is_used, workspace_id))


def _is_used(workspace_id: UUID, digest: bytes) -> bool:
    attached = Run.objects.filter(workspace_id=workspace_id, attachments__contains=[{"digest": digest.hex()}])
    return attached.exists() or keeps_content(workspace_id, digest)
