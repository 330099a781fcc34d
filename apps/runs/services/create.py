"""Accepting a run: from the caller's words to a committed row that no crash can lose."""

from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.agents.selectors import resolve_version
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import ThreadBusy
from apps.runs.models import Run
from apps.runs.services.checks import require_intake
from apps.runs.services.drafting import draft_run
from apps.runs.services.inserting import insert_run
from apps.runs.services.multitask import take_place
from apps.runs.services.request import NOBODY, Origin, RunRequest
from apps.runs.turns import free_next


def create_run(workspace_id: UUID, request: RunRequest, *, origin: Origin = NOBODY) -> Run:
    """Accept a run. It exists once the surrounding transaction commits; the doorbell rings only then.

    Raises IntakePaused, NotFound (agent, version, thread), ThreadBusy, EffectCommitted and InvalidRunInput; nothing is
    written then.
    Queries: two reads and one insert, and more only for a thread, attachments or mounted contexts.
    """
    require_intake(workspace_id)
    return accept_run(workspace_id, request, origin=origin)


def accept_run(workspace_id: UUID, request: RunRequest, *, origin: Origin = NOBODY) -> Run:
    """The same without asking whether the intake is paused: for runs that belong to work which was accepted before."""
    version = resolve_version(workspace_id, request.agent)
    with transaction.atomic():
        run = draft_run(workspace_id, request, version, origin=origin)
        _join_thread(run, request, origin)
        _insert(run, request.agent)
        transaction.on_commit(partial(_call, run), robust=True)
    return run


def _join_thread(run: Run, request: RunRequest, origin: Origin) -> None:
    if run.thread_id is None:
        return
    place = take_place(run.workspace_id, run.thread_id, request.strategy, origin=origin)
    run.held, run.id = place.held, place.ordered(run.id)


def _call(run: Run) -> None:
    """Tell a worker; a held run is told of when the one before it has ended, which may be the case by now."""
    if run.held and run.thread_id is not None:
        free_next(run.thread_id)
    else:
        doorbell.ring(run.id)


def _insert(run: Run, agent: str) -> None:
    """The partial unique index over a thread's unfinished runs decides who is first, whatever was read before."""
    try:
        with transaction.atomic(savepoint=run.thread_id is not None):
            insert_run(run, agent=agent)
    except IntegrityError as error:
        if "one_active_run_per_thread" in str(error):
            raise ThreadBusy(thread_id=str(run.thread_id)) from error
        raise
