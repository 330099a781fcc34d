"""Beginning to wait for other agents: their runs are created in the transaction that suspends the parent."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.db import connection, transaction

from apps.core.exceptions import CefError
from apps.runs.models import Run
from apps.runs.services.budgets import descendants_accounts
from apps.runs.services.create import accept_run
from apps.runs.services.request import Origin, RunRequest
from apps.runs.services.waits_family import Room, left_of, nothing_left, room_of
from apps.runs.states import RunStatus
from apps.runs.suspension import Suspension, suspension
from apps.runs.waiting import Asked, failed


def suspend_with_children(move: Suspension) -> int | None:
    """The number of the last event; None when this process may not suspend the run (any more).

    A child that cannot be started is a wait that has ended with the reason. Everything is committed together, so a
    child exists if and only if its parent waits for it.
    """
    with transaction.atomic():
        running = Run.objects.filter(id=move.run_id, status=RunStatus.RUNNING, cancel_requested_at=None)
        parent = running.select_for_update(no_key=True).first()
        if parent is None or parent.lease_epoch != move.epoch:
            return None
        opening = suspension(parent.id, parent.lease_epoch, tuple(_opened(parent, move.asked)))
        with connection.cursor() as cursor:
            cursor.execute(opening.statement, opening.parameters())
            row = cursor.fetchone()
    return None if row is None else int(row[0])


def _opened(parent: Run, asked: Iterable[Asked]) -> Iterator[Asked]:
    room = room_of(parent)
    for item in asked:
        if item.child is None:
            yield item
            continue
        opened = _started(parent, item, room)
        room = room if opened.child_id is None else room.with_one_more()
        yield opened


def _started(parent: Run, asked: Asked, room: Room) -> Asked:
    assert asked.child is not None, "only for waits for a child"
    left = left_of(parent)
    refusal = room.refusal() or nothing_left(left)
    if refusal is not None:
        return replace(asked, result=failed(refusal))
    try:
        with transaction.atomic():
            child = _create(parent, RunRequest(agent=asked.child.agent, input=asked.child.input, limits=left))
    except CefError as error:
        return replace(asked, result=failed(error.message))
    return replace(asked, child_id=child.id)


def _create(parent: Run, request: RunRequest) -> Run:
    """The child acts for whoever asked for the parent, spends from the parent's budgets, and ends with its time.

    It is part of accepted work, so it is started also while the intake is paused.
    """
    origin = Origin(
        kind=parent.created_by_kind,
        id=parent.created_by_id,
        request_id=parent.request_id,
        api_key_id=parent.api_key_id,
    )
    child = accept_run(parent.workspace_id, request, origin=origin)
    child.parent = parent
    child.account_ids = descendants_accounts(parent)
    child.deadline_at = parent.deadline_at
    child.save(update_fields=["parent", "account_ids", "deadline_at"])
    return child
