"""Removing a finished run with everything that it left behind."""

from uuid import UUID

from django.db import transaction

from apps.runs.exceptions import RunNotFinished, RunNotFound
from apps.runs.models import Run
from apps.runs.services.retention import delete_runs
from apps.runs.states import TERMINAL


@transaction.atomic
def erase_run(workspace_id: UUID, run_id: UUID) -> None:
    """Delete the run, its steps, events and effects, and files and payloads that nothing else refers to.

    Answers kept for an Idempotency-Key that describe the run are emptied too.

    Raises RunNotFound, and RunNotFinished while the run is not terminal: cancel it first.
    """
    # Locked, because a failed run may be resumed at the same moment.
    run = Run.objects.select_for_update().filter(workspace_id=workspace_id, id=run_id).first()
    if run is None:
        raise RunNotFound
    if run.status not in TERMINAL:
        raise RunNotFinished(f"The run is {run.status}; cancel it before erasing it.")
    delete_runs(workspace_id, [run_id])
