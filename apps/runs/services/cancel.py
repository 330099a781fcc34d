"""Stopping a run: at once while nobody works on it, else by asking its worker."""

from uuid import UUID

from django.db import connection, transaction

from apps.core import canonical
from apps.runs.exceptions import IllegalTransition, RunFinished
from apps.runs.live import announce_event
from apps.runs.models import Run
from apps.runs.selectors import get_run
from apps.runs.services.create import NOBODY, Origin
from apps.runs.statements import REQUEST_CANCEL
from apps.runs.states import ACTIVE, EventType, RunStatus, StopReason
from apps.runs.transitions import Move, apply_move

_RACES = 3


def cancel_run(workspace_id: UUID, run_id: UUID, *, origin: Origin = NOBODY) -> Run:
    """The run, cancelled or with its cancel requested; the worker sees the request within five seconds.

    Cancelling twice is one cancel. Raises RunNotFound, and RunFinished when the run ended in another way.
    """
    for _ in range(_RACES):
        run = get_run(workspace_id, run_id)
        if run.status not in ACTIVE:
            break
        # Between the read and the write a worker may take the run or give it back, so each try reads again.
        if _stop_idle(run, origin) or run.cancel_requested_at or _ask_worker(run, origin):
            return get_run(workspace_id, run_id)
    if run.status == RunStatus.CANCELLED:
        return run
    raise RunFinished(f"The run has {run.status} and cannot be cancelled.")


def _stop_idle(run: Run, origin: Origin) -> bool:
    move = Move(
        run_id=run.id,
        to=RunStatus.CANCELLED,
        event=EventType.CANCELLED,
        sources=frozenset({RunStatus.QUEUED, RunStatus.WAITING}),
        reason=StopReason.CANCELLED_BY,
        data=_by(origin),
    )
    try:
        _tell(run.id, apply_move(move))
    except IllegalTransition:
        return False
    return True


def _ask_worker(run: Run, origin: Origin) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(REQUEST_CANCEL, {"run": run.id, "data": canonical.dump(_by(origin))})
        row = cursor.fetchone()
    if row is not None:
        _tell(run.id, int(row[0]))
    return row is not None


def _tell(run_id: UUID, seq: int) -> None:
    """Live readers look into the database, so they are told once the change is there."""
    transaction.on_commit(lambda: announce_event(run_id, seq), robust=True)


def _by(origin: Origin) -> dict[str, str | None]:
    return {"by": origin.kind or None, "id": str(origin.id) if origin.id else None}
