"""Something happened outside that a run waits for."""

from typing import Any

from django.db import transaction

from apps.runs.exceptions import EventNotFound, WaitNotOpen
from apps.runs.models import Wait
from apps.runs.services.waits_deciding import require_size
from apps.runs.services.waits_settling import lock_wait, settle
from apps.runs.states import WaitState
from apps.runs.waiting import returned, token_digest


def resolve_event(token: str, payload: Any) -> Wait:
    """The wait that the token belongs to, ended with this payload, any JSON.

    The token is all that is asked for. Raises EventNotFound, WaitNotOpen when the event was reported before, came too
    late or its run was cancelled, and InvalidDecision above 1 MiB.
    """
    require_size(payload, "")
    wait_id = Wait.objects.filter(token_digest=token_digest(token)).values_list("id", flat=True).first()
    if wait_id is None:
        raise EventNotFound
    with transaction.atomic():
        wait = lock_wait(wait_id)
        if wait.state != WaitState.OPEN:
            raise WaitNotOpen(f"The wait is {wait.state}.", state=wait.state)
        settle(wait, returned(payload), told={"by": "event"})
    wait.refresh_from_db()
    return wait
