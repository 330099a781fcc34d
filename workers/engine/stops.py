"""Reasons to stop a run in the middle of the agent's loop.

They are BaseExceptions, so that neither the loop's retry rules nor a tool's `except Exception` swallow them.

StopRun
├── LeaseLost          another process holds the run, or may: record nothing more
├── Drained            this process is leaving: give the run back
├── Cleared            a suspect has recorded a step: give it back, it may run among others again
├── CancelSeen         somebody asked for the run to be cancelled
├── BudgetExceeded     the next call would go past a ceiling
├── ReplayMismatch     the code asks for something else than the journal holds
├── OutcomeUnknown     an unsafe tool was started and nobody knows how it ended
└── Suspended          calls wait for people, time, other runs or events
"""

from collections.abc import Sequence

from apps.runs.states import StopReason
from apps.runs.waiting import Asked


class StopRun(BaseException):
    """Ends the slice; `reason` is what the run's row will say, if this process may still write it."""

    reason: StopReason = StopReason.ERROR
    code = "stopped"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class LeaseLost(StopRun):
    """The fence refused a write, or the lease could not be renewed in time."""

    code = "lease_lost"


class Drained(StopRun):
    """The process is shutting down."""

    code = "drained"


class Cleared(StopRun):
    """A quarantined run has shown that it does not kill its process."""

    code = "cleared"


class CancelSeen(StopRun):
    """A cancel was requested."""

    reason = StopReason.CANCELLED_BY
    code = "cancelled"


class BudgetExceeded(StopRun):
    """A ceiling of the run is reached."""

    reason = StopReason.BUDGET_EXCEEDED
    code = "budget_exceeded"


class ReplayMismatch(StopRun):
    """The journal was written by different code or configuration."""

    reason = StopReason.REPLAY_MISMATCH
    code = "replay_mismatch"


class OutcomeUnknown(StopRun):
    """An unsafe effect has an intent and no result."""

    reason = StopReason.OUTCOME_UNKNOWN
    code = "outcome_unknown"


class Suspended(StopRun):
    """The run waits: for the new waits named here, or only for such as were opened before."""

    code = "suspended"

    def __init__(self, asked: Sequence[Asked] = ()) -> None:
        super().__init__()
        self.asked = tuple(asked)
