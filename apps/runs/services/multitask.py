"""What a new run of a thread does about the runs before it that have not ended."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.agents.selectors import version_bundle
from apps.core.exceptions import Fault
from apps.runs.conversation import pending_calls, words_of
from apps.runs.exceptions import EffectCommitted, NotInBatch, ThreadBusy, ThreadNotFound
from apps.runs.models import Effect, Run, Step, Thread
from apps.runs.services.cancel import ask_worker, stop_idle
from apps.runs.services.request import Origin
from apps.runs.states import ACTIVE, EffectState, RunStatus, StepKind, StopReason, Strategy
from apps.tools.effects import Effect as Declared
from apps.tools.toolset import effects

_REASONS: Final = {
    Strategy.INTERRUPT: StopReason.INTERRUPTED,
    Strategy.ROLLBACK: StopReason.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the new run stands in its thread: behind another, and which one was the last before it."""

    held: bool = False
    last: UUID | None = None

    def ordered(self, run_id: UUID) -> UUID:
        """The id, or the next one behind the last run's: ids order a thread's runs, and clocks of hosts differ."""
        return run_id if self.last is None or run_id > self.last else UUID(int=self.last.int + 1)


def take_place(workspace_id: UUID, thread_id: UUID, strategy: Strategy, *, origin: Origin) -> Place:
    """Make way for a new run of the thread. Holds the thread's row until the caller's transaction ends.

    Raises ThreadNotFound, ThreadBusy for `reject`, and EffectCommitted for `rollback` of a run that has changed the
    world. Under `interrupt` and `rollback` idle runs are cancelled here and a running one is asked to stop.
    """
    lock_thread(workspace_id, thread_id)
    before = Run.objects.filter(thread_id=thread_id, status__in=sorted(ACTIVE))
    if strategy in _REASONS:
        return _make_way(before, _REASONS[strategy], origin)
    last = before.order_by("-id").values_list("id", flat=True).first()
    if last is not None and strategy == Strategy.REJECT:
        raise ThreadBusy(thread_id=str(thread_id))
    return Place(held=last is not None, last=last)


class Lines:
    """The threads of many new runs at once, locked until the transaction ends; two queries for all of them."""

    def __init__(self, workspace_id: UUID, thread_ids: set[UUID]) -> None:
        # In one order for everybody, so that two batches never wait for each other in a circle.
        threads = Thread.objects.filter(workspace_id=workspace_id, id__in=thread_ids).order_by("id")
        self._known = {thread.id for thread in threads.select_for_update(no_key=True)} if thread_ids else set()
        unfinished = Run.objects.filter(thread_id__in=self._known, status__in=sorted(ACTIVE)).order_by("id")
        self._last = dict(unfinished.values_list("thread_id", "id")) if self._known else {}

    def join(self, thread_id: UUID, run_id: UUID, strategy: Strategy) -> Place:
        """The next run's place in its thread.

        Raises ThreadNotFound, ThreadBusy, and NotInBatch for strategies that stop others.
        """
        if thread_id not in self._known:
            raise ThreadNotFound
        if strategy in _REASONS:
            raise _not_in_batch(strategy)
        last = self._last.get(thread_id)
        if last is not None and strategy == Strategy.REJECT:
            raise ThreadBusy(thread_id=str(thread_id))
        place = Place(held=last is not None, last=last)
        self._last[thread_id] = place.ordered(run_id)
        return place


def _not_in_batch(strategy: Strategy) -> NotInBatch:
    refusal = f"A batch cannot {strategy} the runs of a thread: submit that run by itself."
    return NotInBatch(refusal, errors=[Fault("/multitask_strategy", NotInBatch.code, refusal)])


def lock_thread(workspace_id: UUID, thread_id: UUID) -> Thread:
    """The thread, whose runs nobody else decides about until the transaction ends. Raises ThreadNotFound."""
    threads = Thread.objects.select_for_update(no_key=True).filter(workspace_id=workspace_id, id=thread_id)
    thread = threads.first()
    if thread is None:
        raise ThreadNotFound
    return thread


def _make_way(before: QuerySet[Run], reason: StopReason, origin: Origin) -> Place:
    # In the order in which an ending run locks itself and then the one it frees, or the two would wait in a circle.
    locked = before.select_for_update(no_key=True).order_by("held", "id")
    runs = list(locked.only("workspace_id", "status", "agent_version_id"))
    if reason == StopReason.ROLLED_BACK:
        for run in runs:
            _require_no_effect(run)
    for run in reversed(runs):
        _stop(run, reason, origin)
    still = any(run.status == RunStatus.RUNNING for run in runs)
    return Place(held=still, last=max((run.id for run in runs), default=None))


def _stop(run: Run, reason: StopReason, origin: Origin) -> None:
    if run.status == RunStatus.RUNNING:
        ask_worker(run, origin=origin, reason=reason)
        return
    messages = words_of(run.id) if reason == StopReason.INTERRUPTED else None
    stop_idle(run, origin=origin, reason=reason, messages=messages)


def _require_no_effect(run: Run) -> None:
    """Raises EffectCommitted when a call of the run has changed the world, or may have."""
    done = Effect.objects.filter(run_id=run.id).exclude(state=EffectState.FAILED).values_list("tool", flat=True).first()
    tool = done or _idempotent_call(run)
    if tool is not None:
        raise EffectCommitted(f"The tool {tool} has changed the world, or may have.", run_id=str(run.id), tool=tool)


def _idempotent_call(run: Run) -> str | None:
    """A call that the ledger does not know: recorded, or under way as far as anybody can tell."""
    declared = effects(version_bundle(run.agent_version_id).tools)
    names = {name for name, effect in declared.items() if effect == Declared.IDEMPOTENT}
    if not names:
        return None
    made = set(Step.objects.filter(run_id=run.id, kind=StepKind.TOOL, name__in=names).values_list("name", flat=True))
    if run.status != RunStatus.WAITING:
        made |= names & pending_calls(run.workspace_id, run.id)
    return min(made, default=None)
