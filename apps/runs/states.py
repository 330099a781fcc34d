"""The states of a run and the only moves between them; pure."""

from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StopReason(StrEnum):
    COMPLETED = "completed"
    BUDGET_EXCEEDED = "budget_exceeded"
    DEADLINE = "deadline"
    POISON = "poison"
    REPLAY_MISMATCH = "replay_mismatch"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CANCELLED_BY = "cancelled_by"
    INTERRUPTED = "interrupted"
    ROLLED_BACK = "rolled_back"
    ERROR = "error"


TERMINAL: Final = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})
ACTIVE: Final = frozenset(RunStatus) - TERMINAL

REUSED: Final = 0
"""The epoch of a step that a rerun took over: no worker of its own recorded it."""

# `running -> queued` gives a lease back; `failed -> queued` resumes after the last recorded step.
SOURCES: Final[dict[RunStatus, frozenset[RunStatus]]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.WAITING, RunStatus.FAILED}),
    RunStatus.RUNNING: frozenset({RunStatus.QUEUED}),
    RunStatus.WAITING: frozenset({RunStatus.RUNNING}),
    RunStatus.SUCCEEDED: frozenset({RunStatus.RUNNING}),
    RunStatus.FAILED: frozenset({RunStatus.RUNNING, RunStatus.QUEUED}),
    RunStatus.CANCELLED: frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING}),
}


class Strategy(StrEnum):
    """What a new run of a thread does about those before it that have not ended."""

    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


class EventType(StrEnum):
    """What the journal tells its readers; each state change has exactly one."""

    QUEUED = "run.queued"
    STARTED = "run.started"
    RELEASED = "run.released"
    RESUMED = "run.resumed"
    WAITING = "run.waiting"
    SUCCEEDED = "run.succeeded"
    FAILED = "run.failed"
    CANCELLED = "run.cancelled"
    CANCEL_REQUESTED = "run.cancel_requested"
    WAIT_OPENED = "wait.opened"
    WAIT_DECIDED = "wait.decided"
    WAIT_RESOLVED = "wait.resolved"
    EFFECT_RESOLVED = "effect.resolved"
    STEP_STARTED = "step.started"
    STEP = "step.recorded"


class StepKind(StrEnum):
    MODEL = "model"
    TOOL = "tool"
    OTHER = "other"


class EffectState(StrEnum):
    INTENT = "intent"
    COMMITTED = "committed"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"
    RECONCILED = "reconciled"


class WaitKind(StrEnum):
    APPROVAL = "approval"
    QUESTION = "question"
    TIMER = "timer"
    CHILD = "child"
    EVENT = "event"


class WaitState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    ANSWER = "answer"


class OnDue(StrEnum):
    """What happens to a wait that nobody resolved in time."""

    REJECT = "reject"
    APPROVE = "approve"
    ESCALATE = "escalate"
