"""Stopping a run and the runs that it started: at once while nobody works on them, else by asking their workers."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core import canonical
from apps.runs.exceptions import IllegalTransition, RunFinished, RunNotFound
from apps.runs.live import announce_event
from apps.runs.models import Run
from apps.runs.selectors import get_run
from apps.runs.services.request import NOBODY, Origin
from apps.runs.services.waits_children import tell_parent
from apps.runs.services.waits_settling import close_waits
from apps.runs.statements import REQUEST_CANCEL
from apps.runs.states import ACTIVE, EventType, RunStatus, StopReason
from apps.runs.transitions import Move, apply_move

_RACES = 3


def cancel_run(workspace_id: UUID, run_id: UUID, *, origin: Origin = NOBODY) -> Run:
    """The run, cancelled or with its cancel requested; the worker sees the request within five seconds.

    Its descendants are cancelled with it, and what it waits for needs no answer any more. Cancelling twice is one
    cancel. Raises RunNotFound, and RunFinished when the run ended in another way.
    """
    for _ in range(_RACES):
        run = get_run(workspace_id, run_id)
        if run.status not in ACTIVE:
            break
        # Between the read and the write a worker may take the run or give it back, so each try reads again.
        if stop_idle(run, origin=origin) or run.cancel_requested_at or ask_worker(run, origin=origin):
            return get_run(workspace_id, run_id)
    if run.status == RunStatus.CANCELLED:
        return run
    raise RunFinished(f"The run has {run.status} and cannot be cancelled.")


def stop_idle(
    run: Run,
    *,
    origin: Origin = NOBODY,
    reason: StopReason = StopReason.CANCELLED_BY,
    messages: bytes | None = None,
) -> bool:
    """Cancel a run that nobody works on; False when somebody does. `messages` stay in its thread."""
    move = Move(
        run_id=run.id,
        to=RunStatus.CANCELLED,
        event=EventType.CANCELLED,
        sources=frozenset({RunStatus.QUEUED, RunStatus.WAITING}),
        reason=reason,
        messages=messages,
        data=_by(origin, reason),
    )
    try:
        with transaction.atomic():
            seq = apply_move(move)
            close_waits(run.id)
            _cancel_children(run, origin)
    except IllegalTransition:
        return False
    _tell(run.id, seq)
    transaction.on_commit(lambda: tell_parent(run.id), robust=True)
    return True


def ask_worker(run: Run, *, origin: Origin = NOBODY, reason: StopReason = StopReason.CANCELLED_BY) -> bool:
    """Ask the worker of a running run to stop it; False when nobody works on it or it was asked before."""
    kept = "" if reason == StopReason.CANCELLED_BY else reason.value
    row: dict[str, Any] = {"run": run.id, "reason": kept, "data": canonical.dump(_by(origin, reason))}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(REQUEST_CANCEL, row)
            found = cursor.fetchone()
        if found is not None:
            _tell(run.id, int(found[0]))
            _cancel_children(run, origin)
    return found is not None


def _cancel_children(run: Run, origin: Origin) -> None:
    """From the top down: a run that was asked to stop, or has stopped, starts no more of them.

    In the transaction that stops the parent: a process that dies in between must not leave them to themselves.
    """
    children = Run.objects.filter(parent_id=run.id, status__in=sorted(ACTIVE)).order_by("id")
    for child_id in children.values_list("id", flat=True):
        with suppress(RunFinished, RunNotFound):
            cancel_run(run.workspace_id, child_id, origin=origin)


def _tell(run_id: UUID, seq: int) -> None:
    """Live readers look into the database, so they are told once the change is there."""
    transaction.on_commit(lambda: announce_event(run_id, seq), robust=True)


def _by(origin: Origin, reason: StopReason) -> dict[str, str | None]:
    why = {} if reason == StopReason.CANCELLED_BY else {"reason": reason.value}
    return origin.told | why
