"""Beginning to wait for other agents: their runs are created in the transaction that suspends the parent."""

from dataclasses import replace

from django.conf import settings
from django.db import connection, transaction

from apps.core.exceptions import CefError
from apps.runs.models import Run
from apps.runs.services.budgets import descendants_accounts
from apps.runs.services.create import create_run
from apps.runs.services.request import Origin, RunRequest
from apps.runs.states import RunStatus
from apps.runs.suspension import Suspension, suspension
from apps.runs.wait_statements import OPEN_WAITS
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
        asked = tuple(_started(parent, item) if item.child else item for item in move.asked)
        with connection.cursor() as cursor:
            cursor.execute(OPEN_WAITS, suspension(parent.id, parent.lease_epoch, asked).parameters())
            row = cursor.fetchone()
    return None if row is None else int(row[0])


def _started(parent: Run, asked: Asked) -> Asked:
    assert asked.child is not None, "only for waits for a child"
    refusal = _refusal(parent)
    if refusal is not None:
        return replace(asked, result=failed(refusal))
    try:
        with transaction.atomic():
            child = _create(parent, asked.child.agent, asked.child.input)
    except CefError as error:
        return replace(asked, result=failed(error.message))
    return replace(asked, child_id=child.id)


def _create(parent: Run, agent: str, given: object) -> Run:
    """The child acts for whoever asked for the parent, and spends from the parent's budgets."""
    origin = Origin(
        kind=parent.created_by_kind,
        id=parent.created_by_id,
        request_id=parent.request_id,
        api_key_id=parent.api_key_id,
    )
    child = create_run(parent.workspace_id, RunRequest(agent=agent, input=given), origin=origin)
    child.parent = parent
    child.account_ids = descendants_accounts(parent)
    child.save(update_fields=["parent", "account_ids"])
    return child


def _refusal(parent: Run) -> str | None:
    if _depth(parent) >= settings.CEF_RUN_DEPTH:
        return f"Runs may be nested {settings.CEF_RUN_DEPTH} deep, and this one is."
    if Run.objects.filter(parent_id=parent.id).count() >= settings.CEF_RUN_CHILDREN:
        return f"A run may start {settings.CEF_RUN_CHILDREN} others, and this one has."
    return None


def _depth(run: Run) -> int:
    """How many runs stand above this one."""
    depth, above = 0, run.parent_id
    while above is not None and depth < settings.CEF_RUN_DEPTH:
        depth += 1
        above = Run.objects.filter(id=above).values_list("parent_id", flat=True).first()
    return depth
