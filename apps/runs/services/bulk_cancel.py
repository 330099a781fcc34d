"""Stopping many runs at once, with the runs that they started."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from apps.core import canonical
from apps.runs.capacity import free_slots
from apps.runs.dispatch import doorbell
from apps.runs.live import announce_events
from apps.runs.models import Run, Wait
from apps.runs.selectors import RunFilter
from apps.runs.services.request import NOBODY, Origin
from apps.runs.services.waits_children import tell_parent
from apps.runs.services.waits_settling import close_waits
from apps.runs.statements import MOVE_MANY, REQUEST_CANCEL_MANY
from apps.runs.states import ACTIVE, EventType, RunStatus, StopReason, WaitState
from apps.runs.transitions import Move
from apps.runs.turns import free_next

AT_ONCE: Final = 500
"""Runs whose rows are locked together, for some tens of milliseconds: workers that record their steps wait for it."""
MAXIMUM: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """How many runs matched; of these were cancelled at once, were asked to stop, and are left for another call."""

    matched: int
    cancelled: int = 0
    requested: int = 0

    @property
    def remaining(self) -> int:
        return self.matched - self.cancelled - self.requested


def cancel_runs(
    workspace_id: UUID, wanted: RunFilter, *, maximum: int = 1000, dry_run: bool = False, origin: Origin = NOBODY
) -> Cancelled:
    """Cancel the oldest `maximum` of the unfinished runs that match, and the runs that they started.

    A dry run only counts. Runs that were asked to stop before count as asked again, which changes nothing. Some ten
    statements for each 500 runs.
    """
    open_runs = Run.objects.filter(_unfinished(wanted), wanted.condition(workspace_id), workspace_id=workspace_id)
    matched = open_runs.count()
    if dry_run:
        return Cancelled(matched=matched)
    ids = list(open_runs.order_by("id").values_list("id", flat=True)[:maximum])
    cancelled = requested = 0
    for start in range(0, len(ids), AT_ONCE):
        stopped, asked = _stop(ids[start : start + AT_ONCE], origin)
        cancelled, requested = cancelled + stopped, requested + asked
    return Cancelled(matched=matched, cancelled=cancelled, requested=requested)


def _unfinished(wanted: RunFilter) -> Q:
    return Q() if wanted.statuses and ACTIVE.issuperset(wanted.statuses) else Q(status__in=sorted(ACTIVE))


@transaction.atomic
def _stop(ids: Sequence[UUID], origin: Origin) -> tuple[int, int]:
    """How many were cancelled, and how many are to stop now."""
    # Locked in the order in which an ending run locks itself and then the one it frees; nobody changes them after that.
    rows = Run.objects.select_for_update(no_key=True).filter(id__in=ids, status__in=sorted(ACTIVE))
    states = dict(rows.order_by("held", "id").values_list("id", "status"))
    running = [run_id for run_id, status in states.items() if status == RunStatus.RUNNING]
    moved = _cancel_idle([run_id for run_id in states if states[run_id] != RunStatus.RUNNING], origin)
    asked = _request(running, origin)
    events = moved + asked
    transaction.on_commit(lambda: announce_events(events), robust=True)
    _stop_children([run_id for run_id, _ in events], origin)
    return len(moved), len(running)


def _cancel_idle(ids: Sequence[UUID], origin: Origin) -> list[tuple[UUID, int]]:
    if not ids:
        return []
    move = Move(
        run_id=ids[0],
        to=RunStatus.CANCELLED,
        event=EventType.CANCELLED,
        sources=frozenset({RunStatus.QUEUED, RunStatus.WAITING}),
        reason=StopReason.CANCELLED_BY,
        data=origin.told,
    )
    moved = _execute(MOVE_MANY, move.parameters() | {"runs": list(ids)})
    close_waits(*ids)
    threads = {thread_id for _, _, thread_id, _ in moved if thread_id is not None}
    freed = (moved[0][3] if moved else None) or []
    transaction.on_commit(lambda: _tell_others(ids, threads, freed), robust=True)
    return [(run_id, seq) for run_id, seq, *_ in moved]


def _request(ids: Sequence[UUID], origin: Origin) -> list[tuple[UUID, int]]:
    if not ids:
        return []
    row = {"runs": list(ids), "reason": "", "data": canonical.dump(origin.told)}
    return [(run_id, seq) for seq, run_id in _execute(REQUEST_CANCEL_MANY, row)]


def _stop_children(ids: Sequence[UUID], origin: Origin) -> None:
    """From the top down: a run that was asked to stop, or has stopped, starts no more of them."""
    children = list(Run.objects.filter(parent_id__in=ids, status__in=sorted(ACTIVE)).values_list("id", flat=True))
    if children:
        _stop(children, origin)


def _tell_others(ids: Iterable[UUID], threads: set[UUID], freed: list[UUID]) -> None:
    """Runs that are not cancelled and waited for one that is: in its thread, or for its answer."""
    for run_id in freed[: free_slots()] if freed else ():
        doorbell.ring(run_id, many=True)
    if threads:
        free_next(next(iter(threads)) if len(threads) == 1 else None)
    for child_id in Wait.objects.filter(child_id__in=ids, state=WaitState.OPEN).values_list("child_id", flat=True):
        if child_id is not None:
            tell_parent(child_id)


def _execute(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
