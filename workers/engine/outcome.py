"""What a slice's end means for the run's row; pure."""

from dataclasses import dataclass
from uuid import UUID

from pydantic_ai.exceptions import AgentRunError, UnexpectedModelBehavior, UsageLimitExceeded

from apps.core.exceptions import CefError
from apps.runs.payloads import Packed
from apps.runs.states import EventType, RunStatus, StopReason
from apps.runs.suspension import suspension
from apps.runs.transitions import Move
from workers.engine.stops import (
    BudgetExceeded,
    CancelSeen,
    Cleared,
    Drained,
    LeaseLost,
    OutcomeUnknown,
    StopRun,
    Suspended,
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The run and the epoch under which this process may still write to it."""

    run_id: UUID
    epoch: int


def succeeded(holder: Holder, output: Packed, messages: Packed | None) -> Move:
    """The agent gave its answer; `messages` are kept for the next run of its thread."""
    return Move(
        run_id=holder.run_id,
        epoch=holder.epoch,
        to=RunStatus.SUCCEEDED,
        event=EventType.SUCCEEDED,
        reason=StopReason.COMPLETED,
        output=output,
        messages=messages,
    )


def stopped(holder: Holder, stop: StopRun) -> Move | None:
    """The platform ended the slice; None when this process may write no more."""
    if isinstance(stop, LeaseLost):
        return None
    if isinstance(stop, Drained | Cleared):
        return released(holder, "drain" if isinstance(stop, Drained) else stop.code)
    if isinstance(stop, CancelSeen):
        return cancelled(holder)
    if isinstance(stop, Suspended):
        return suspension(holder.run_id, holder.epoch, stop.asked)
    if isinstance(stop, OutcomeUnknown):
        return Move(
            run_id=holder.run_id,
            epoch=holder.epoch,
            to=RunStatus.WAITING,
            event=EventType.WAITING,
            reason=stop.reason,
            data={"cause": stop.code, "detail": stop.detail},
        )
    return failed(holder, stop.code, stop.detail, stop.reason)


def released(holder: Holder, cause: str) -> Move:
    """The run is given back and goes on elsewhere; nobody is charged with an attempt."""
    return Move(
        run_id=holder.run_id,
        epoch=holder.epoch,
        to=RunStatus.QUEUED,
        event=EventType.RELEASED,
        sources=frozenset({RunStatus.RUNNING}),
        data={"cause": cause},
    )


def cancelled(holder: Holder) -> Move:
    """Somebody asked for the run to be cancelled."""
    return Move(
        run_id=holder.run_id,
        epoch=holder.epoch,
        to=RunStatus.CANCELLED,
        event=EventType.CANCELLED,
        reason=CancelSeen.reason,
    )


def failed(holder: Holder, code: str, detail: str, reason: StopReason = StopReason.ERROR) -> Move:
    """The run ends with a stable code and a sentence."""
    return Move(
        run_id=holder.run_id,
        epoch=holder.epoch,
        to=RunStatus.FAILED,
        event=EventType.FAILED,
        reason=reason,
        error_code=code,
        error_detail=detail,
        data={"code": code, "detail": detail[:500]},
    )


def explained(error: BaseException) -> tuple[str, str]:
    """Code and sentence for an error of the agent, its model or its tools."""
    if isinstance(error, CefError):
        return error.code, error.message
    if isinstance(error, UsageLimitExceeded):
        return BudgetExceeded.code, str(error)
    if isinstance(error, UnexpectedModelBehavior):
        return "model_misbehaved", str(error)
    if isinstance(error, AgentRunError):
        return "agent_error", str(error)
    return "internal_error", f"An unexpected {type(error).__name__} ended the run; the log has the details."


def stop_in(error: BaseException) -> StopRun | None:
    """The platform's own reason within an error, also when a task group has wrapped it."""
    if isinstance(error, StopRun):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((stop for inner in error.exceptions if (stop := stop_in(inner))), None)
    return None
