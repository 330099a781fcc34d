"""Something happened outside that a run waits for."""

from typing import Any
from uuid import UUID

from django.db import transaction

from apps.runs import payloads
from apps.runs.exceptions import EventNotFound, WaitNotFound, WaitNotOpen
from apps.runs.models import Wait
from apps.runs.services.waits_deciding import require_answer
from apps.runs.services.waits_due import settle_if_due
from apps.runs.services.waits_settling import lock_wait, settle
from apps.runs.states import WaitState
from apps.runs.waiting import returned, token_digest


def resolve_event(token: str, payload: Any) -> Wait:
    """The wait that the token belongs to, ended with this payload, any JSON.

    The token is all that is asked for. The same report again changes nothing. Raises EventNotFound, WaitNotOpen when
    something else was reported before, it is too late or the run was cancelled, and InvalidDecision for what is no
    JSON or has more than 1 MiB.
    """
    wait_id = awaited_by(token)
    require_answer(payload, "")
    settle_if_due(wait_id)
    with transaction.atomic():
        wait = _locked(wait_id)
        reported = returned(payload)
        if wait.state == WaitState.OPEN:
            settle(wait, reported, told={"by": "event"})
        elif wait.result is None or payloads.read(wait.workspace_id, wait.result) != reported.stored():
            raise WaitNotOpen(f"The wait is {wait.state}.", state=wait.state)
        wait.refresh_from_db()
    return wait


def awaited_by(token: str) -> UUID:
    """The wait that the token was given for; one query. Raises EventNotFound."""
    wait_id = Wait.objects.filter(token_digest=token_digest(token)).values_list("id", flat=True).first()
    if wait_id is None:
        raise EventNotFound
    return wait_id


def _locked(wait_id: UUID) -> Wait:
    try:
        return lock_wait(wait_id)
    except WaitNotFound:
        raise EventNotFound from None
