"""How a wait ends and its run goes on: under the lock of the run's row, so that one answer wins.

Each change locks the run first and then reads its waits in statements of their own: the last of two answers that come
at the same time sees the other, and only it makes the run runnable.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import canonical
from apps.runs import payloads
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import WaitNotFound
from apps.runs.live import announce_event
from apps.runs.models import Run, Wait
from apps.runs.states import EventType, RunStatus, WaitState
from apps.runs.transitions import Move, apply_move
from apps.runs.wait_statements import TELL
from apps.runs.waiting import Result

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def lock_wait(wait_id: UUID, *, workspace_id: UUID | None = None) -> Wait:
    """The wait as it is now, its run locked until the transaction ends. Raises WaitNotFound."""
    waits = Wait.objects.filter(id=wait_id)
    if workspace_id is not None:
        waits = waits.filter(workspace_id=workspace_id)
    run_id = waits.values_list("run_id", flat=True).first()
    if run_id is None:
        raise WaitNotFound
    run = Run.objects.select_for_update(no_key=True).defer("input", "output", "messages").filter(id=run_id).first()
    wait = Wait.objects.filter(id=wait_id).first()
    if run is None or wait is None:
        raise WaitNotFound  # the run was erased while its row was locked by somebody else
    wait.run = run
    return wait


def settle(
    wait: Wait, result: Result, *, told: Mapping[str, Any] = NOTHING, state: WaitState = WaitState.RESOLVED
) -> None:
    """End a locked, open wait; with the last of its run's open waits the run becomes runnable.

    `told` is what readers of the run's history hear besides.
    """
    kept = payloads.store(wait.workspace_id, result.stored(), "answer")
    Wait.objects.filter(id=wait.id).update(state=state, result=kept, resolved_at=Now())
    tell(wait, EventType.WAIT_RESOLVED, {"state": state.value, "ending": result.ending.value, **told})
    if wait.run.status == RunStatus.WAITING and not open_waits_of(wait.run_id):
        _go_on(wait.run_id)


def tell(wait: Wait, event: EventType, data: dict[str, Any]) -> None:
    """Add to the history of the wait's run, whose row is locked."""
    named = {"wait": str(wait.id), "kind": wait.kind, "tool": wait.tool}
    with connection.cursor() as cursor:
        row = {"run": wait.run_id, "type": event.value, "data": canonical.dump(named | data)}
        cursor.execute(TELL, row)
        (seq,) = cursor.fetchone() or (0,)
    transaction.on_commit(lambda: announce_event(wait.run_id, seq), robust=True)


def close_waits(*run_ids: UUID) -> None:
    """Nobody needs to answer any more: the runs were cancelled. Their rows are locked by the caller."""
    Wait.objects.filter(run_id__in=run_ids, state=WaitState.OPEN).update(state=WaitState.CANCELLED, resolved_at=Now())


def open_waits_of(run_id: UUID) -> bool:
    """Whether the run still waits for something."""
    return Wait.objects.filter(run_id=run_id, state=WaitState.OPEN).exists()


def _go_on(run_id: UUID) -> None:
    waiting = frozenset({RunStatus.WAITING})
    move = Move(run_id=run_id, to=RunStatus.QUEUED, event=EventType.RESUMED, sources=waiting, data={"cause": "waits"})
    seq = apply_move(move)
    transaction.on_commit(lambda: _ring(run_id, seq), robust=True)


def _ring(run_id: UUID, seq: int) -> None:
    announce_event(run_id, seq)
    doorbell.ring(run_id)
