"""Letting a failed run go on after its last recorded step."""

from uuid import UUID

from django.db import IntegrityError, transaction

from apps.runs.dispatch import doorbell
from apps.runs.exceptions import IllegalTransition, RunNotResumable, ThreadBusy
from apps.runs.limits import Limits
from apps.runs.live import announce_event
from apps.runs.models import Effect, Run
from apps.runs.selectors import get_run
from apps.runs.services.budgets import limit_account
from apps.runs.services.checks import require_limits, require_payloads
from apps.runs.services.multitask import lock_thread
from apps.runs.states import ACTIVE, EffectState, EventType, RunStatus
from apps.runs.transitions import Move, apply_move


def resume_run(workspace_id: UUID, run_id: UUID, *, limits: Limits | None = None) -> Run:
    """The run, queued again; recorded steps are reused. `limits` replace the run's, say after `budget_exceeded`;
    what the runs that it started have spent counts against its tokens and USD.

    Raises RunNotFound, RunNotResumable when it has not failed, PayloadsRemoved when retention was there before,
    ThreadBusy when its thread went on meanwhile, and InvalidRunInput for limits that are none.
    """
    if limits is not None:
        require_limits(limits)
    run = get_run(workspace_id, run_id)
    move = Move(run_id=run.id, to=RunStatus.QUEUED, event=EventType.RESUMED, sources=frozenset({RunStatus.FAILED}))
    try:
        with transaction.atomic():
            if run.thread_id is not None:
                lock_thread(workspace_id, run.thread_id)
            seq = apply_move(move)
            require_payloads(run)
            _require_idle_thread(run)
            _reopen_effects(run)
            if limits is not None:
                Run.objects.filter(id=run.id).update(limits=limits.stored())
                limit_account(run, limits)
    except IllegalTransition:
        raise RunNotResumable(f"The run is {run.status}; only a failed run can be resumed.") from None
    except IntegrityError as error:
        raise ThreadBusy(thread_id=str(run.thread_id)) from error
    transaction.on_commit(lambda: _tell(run.id, seq), robust=True)
    return get_run(workspace_id, run_id)


def _reopen_effects(run: Run) -> None:
    """What was left at that because the run was over is to be decided after all, should the run come to that call."""
    left = Effect.objects.filter(run_id=run.id, state=EffectState.OUTCOME_UNKNOWN)
    left.update(settled_at=None, decided_by_kind="", decided_by_id=None)


def _require_idle_thread(run: Run) -> None:
    """A run that is held there has its turn before this one."""
    if run.thread_id is None:
        return
    others = Run.objects.filter(thread_id=run.thread_id, status__in=sorted(ACTIVE)).exclude(id=run.id)
    if others.exists():
        raise ThreadBusy(thread_id=str(run.thread_id))


def _tell(run_id: UUID, seq: int) -> None:
    announce_event(run_id, seq)
    doorbell.ring(run_id)
