"""What a parent hears of its child: how it ended, at once or from the sweeper."""

from contextlib import suppress
from uuid import UUID

from django.db import transaction

from apps.core import canonical
from apps.runs import payloads
from apps.runs.exceptions import WaitNotFound
from apps.runs.models import Run, Wait
from apps.runs.services.waits_settling import lock_wait, settle
from apps.runs.states import TERMINAL, RunStatus, WaitState
from apps.runs.waiting import LARGEST_RESULT, Result, failed, returned


def tell_parent(run_id: UUID) -> None:
    """Settle the wait for this run, which has ended. Doing it twice, or for a run that nobody awaits, changes nothing.

    In a transaction of its own, after the one that ended the child: a parent that is being cancelled locks itself and
    then its children, and never the other way round.
    """
    for wait_id in Wait.objects.filter(child_id=run_id, state=WaitState.OPEN).values_list("id", flat=True):
        with suppress(WaitNotFound), transaction.atomic():
            wait = lock_wait(wait_id)
            if wait.state == WaitState.OPEN:
                settle_ended_child(wait)


def settle_ended_child(wait: Wait) -> None:
    """End a locked, open wait for a child, if the child has ended or is no more."""
    child = wait.child
    if child is None:
        settle(wait, failed("The run of the other agent was erased."))
    elif child.status in TERMINAL:
        settle(wait, _result(child), told={"child": str(child.id), "status": child.status})


def _result(child: Run) -> Result:
    name = child.agent.slug
    if child.status == RunStatus.CANCELLED:
        return failed(f"The run of {name} was cancelled.")
    if child.status == RunStatus.FAILED:
        return failed(f"The run of {name} failed: {child.error_detail or child.stop_reason}")
    output = None if child.output is None else payloads.load(child.workspace_id, child.output)
    size = len(canonical.dump(output))
    if size > LARGEST_RESULT:
        return failed(f"The answer of {name} has {size} bytes, too many to be handed on; it is in run {child.id}.")
    return returned({"run_id": str(child.id), "output": output})
