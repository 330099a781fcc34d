"""Waits whose time has come: timers fire, and what nobody decided in time follows its policy."""

import logging
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.exceptions import WaitNotFound
from apps.runs.models import Wait
from apps.runs.services.waits_children import settle_ended_child
from apps.runs.services.waits_settling import lock_wait, settle, tell
from apps.runs.states import EventType, OnDue, WaitKind, WaitState
from apps.runs.waiting import Ending, Result, denied, failed, returned
from apps.runs.waits import edited_arguments

logger = logging.getLogger(__name__)

BY_TIME: Final = {"by": "time"}


def settle_due(wait_ids: Iterable[UUID]) -> None:
    """End those that are due by now, and those whose child has ended; each in a transaction of its own.

    Any process may call it at any time with any ids: what is not due stays as it is.
    """
    for wait_id in wait_ids:
        try:
            with transaction.atomic():
                _settle_one(wait_id)
        except DatabaseError:
            raise
        except Exception:  # one wait that cannot be settled must not keep the others from it
            logger.exception("A wait could not be settled; it is tried again.", extra={"wait": str(wait_id)})


def settle_if_due(wait_id: UUID) -> None:
    """End this one if its time is over, before somebody says a late word on it."""
    if Wait.objects.filter(id=wait_id, state=WaitState.OPEN, due_at__lte=Now()).exists():
        settle_due([wait_id])


def _settle_one(wait_id: UUID) -> None:
    try:
        wait = lock_wait(wait_id)
    except WaitNotFound:
        return  # erased meanwhile
    if wait.state != WaitState.OPEN:
        return
    if wait.kind == WaitKind.CHILD:
        settle_ended_child(wait)
    elif Wait.objects.filter(id=wait.id, due_at__lte=Now()).exists():
        _ON_DUE[WaitKind(wait.kind)](wait)


def _fire(wait: Wait) -> None:
    settle(wait, returned({"woke_at": wait.due_at.isoformat() if wait.due_at else None}), told=BY_TIME)


def _expire_event(wait: Wait) -> None:
    settle(wait, failed(f"The event {wait.prompt} did not arrive in time."), state=WaitState.EXPIRED, told=BY_TIME)


def _undecided(wait: Wait) -> None:
    match OnDue(wait.on_due):
        case OnDue.ESCALATE:
            _escalate(wait)
        case OnDue.APPROVE:
            edited = edited_arguments(wait, list(wait.decisions.order_by("id")))
            settle(wait, Result(ending=Ending.APPROVED, arguments=edited), told=BY_TIME)
        case OnDue.REJECT:
            settle(wait, denied("Nobody decided about the call in time."), state=WaitState.EXPIRED, told=BY_TIME)


def _unanswered(wait: Wait) -> None:
    settle(wait, failed("Nobody answered in time."), state=WaitState.EXPIRED, told=BY_TIME)


def _escalate(wait: Wait) -> None:
    """A higher role decides, in as much time again; after that the call is rejected."""
    Wait.objects.filter(id=wait.id).update(
        assignee_id=None,
        role=wait.escalate_role,
        due_at=Now() + (F("due_at") - F("created_at")),
        on_due=OnDue.REJECT,
    )
    tell(wait, EventType.WAIT_DECIDED, {"verdict": OnDue.ESCALATE.value, "role": wait.escalate_role} | BY_TIME)


_ON_DUE: Final[dict[WaitKind, Callable[[Wait], None]]] = {
    WaitKind.APPROVAL: _undecided,
    WaitKind.QUESTION: _unanswered,
    WaitKind.TIMER: _fire,
    WaitKind.EVENT: _expire_event,
}
