"""Calls that wait: deferred on the loop, answered from their rows, and suspended without a worker in between.

The hooks here run outside the journal's units, also on every replay: they depend on nothing but the call's arguments,
the agent's version, and rows that do not change once they have a result.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from pydantic_ai import ModelRetry
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.exceptions import ToolFailed as Reported
from pydantic_ai.messages import ToolCallPart, ToolReturn
from pydantic_ai.tools import (
    DeferredToolRequests,
    DeferredToolResults,
    RunContext,
    ToolApproved,
    ToolDefinition,
    ToolDenied,
)

from apps.core.exceptions import CefError
from apps.runs.states import OnDue, WaitKind
from apps.runs.waiting import Asked, Ending, Result, failed
from apps.tools.approval import NEVER
from apps.tools.deferral import ChildRun, Deferral, ExternalEvent, Question, Timer
from apps.tools.definitions import BoundTool, ToolCall
from apps.tools.definitions import ToolDefinition as Definition
from apps.tools.exceptions import ToolFailed, ToolInputInvalid, ToolUnavailable
from apps.tools.registry import Registry, registry
from apps.tools.schemas import check_schema
from apps.tools.services.calling import check_arguments
from workers.engine.session import Session
from workers.engine.stops import ReplayMismatch, Suspended
from workers.engine.units import call_key
from workers.engine.waits_reach import within_reach
from workers.engine.waits_store import Known

logger = logging.getLogger(__name__)

ARGUMENTS: Final = "arguments"


@dataclass(frozen=True, slots=True)
class Guard:
    """A bound tool whose calls may wait: for consent, for what the tool defers to, or for both, in this order."""

    bound: BoundTool
    definition: Definition

    def asks(self, arguments: Mapping[str, Any]) -> bool:
        """Whether somebody must agree to a call with these arguments."""
        policy = self.bound.approval
        return policy is not None and policy.asks(arguments, self.bound.input_schema)

    def deferral(self, session: Session, arguments: Mapping[str, Any]) -> Deferral:
        """What the tool waits for. Raises ToolFailed."""
        call = ToolCall(
            workspace_id=session.run.workspace_id,
            run_id=session.run.id,
            step_key="",
            idempotency_key="",
            mounts=session.mounts,
            config=self.bound.config,
        )
        try:
            wanted = self.definition.run(call, **check_arguments(self.definition, arguments))
            if isinstance(wanted, Question) and wanted.answer_schema is not None:
                check_schema(dict(wanted.answer_schema))
        except ToolFailed:
            raise
        except CefError as error:
            raise ToolInputInvalid(error.message, errors=error.errors) from error
        except Exception as error:  # a tool is foreign code: the run must go on whatever it raises
            logger.exception("The tool %s failed.", self.definition.label)
            raise ToolFailed(f"{self.definition.name} failed with {type(error).__name__}.") from error
        if not isinstance(wanted, Deferral):
            raise ToolFailed(f"{self.definition.name} names nothing that a run can wait for.")
        return wanted


def guards(tools: Sequence[BoundTool], source: Registry | None = None) -> dict[str, Guard]:
    """Those of the tools whose calls may wait, by name."""
    found = source or registry()
    guarded = {bound.name: Guard(bound, definition) for bound in tools if (definition := _known(bound, found))}
    return {name: guard for name, guard in guarded.items() if guard.definition.defers or _has_policy(guard.bound)}


def waiting_calls(tools: Sequence[BoundTool]) -> list["Waiting"]:
    """The capability that holds calls back, for an agent that has such tools; others run without it."""
    guarded = guards(tools)
    return [Waiting(guarded)] if guarded else []


class Waiting(AbstractCapability[Session]):
    """Holds back the calls that wait, and gives them their answers once all of their turn are there."""

    def __init__(self, guarded: Mapping[str, Guard]) -> None:
        self._guards = guarded

    async def before_tool_execute(
        self, ctx: RunContext[Session], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any]
    ) -> dict[str, Any]:
        """The arguments of a call that may be made. Raises for one that waits, and for arguments that are wrong."""
        guard = self._guards.get(call.tool_name)
        if guard is None or ctx.tool_call_approved:
            return args
        _check(guard, ctx.deps, args)
        if guard.definition.defers:
            raise CallDeferred(metadata={ARGUMENTS: args})
        if guard.asks(args):
            raise ApprovalRequired(metadata={ARGUMENTS: args})
        return args

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Session], *, requests: DeferredToolRequests
    ) -> DeferredToolResults:
        """The results of the turn's deferred calls. Raises Suspended while one of them is missing."""
        known = await ctx.deps.waits.of_step(ctx.run_step)
        turn = _Turn(ctx.deps, ctx.run_step, known)
        approvals = {call.tool_call_id: self._answer(turn, call, requests) for call in requests.approvals}
        calls = {call.tool_call_id: self._answer(turn, call, requests) for call in requests.calls}
        if turn.is_open:
            raise Suspended(turn.asked)
        return DeferredToolResults(
            approvals={ref: _consent(result) for ref, result in approvals.items() if result},
            calls={ref: _outcome(result) for ref, result in calls.items() if result},
        )

    def _answer(self, turn: "_Turn", call: ToolCallPart, requests: DeferredToolRequests) -> Result | None:
        arguments = requests.metadata[call.tool_call_id][ARGUMENTS]
        return turn.answer(self._guards[call.tool_name], call_key(call.tool_call_id), arguments)


class _Turn:
    """The deferred calls of one model response, as far as their waits are known."""

    def __init__(self, session: Session, run_step: int, known: Known) -> None:
        self._session, self._step, self._known = session, run_step, known
        self.asked: list[Asked] = []
        self.is_open = False

    def answer(self, guard: Guard, ref: str, arguments: dict[str, Any]) -> Result | None:
        """How the call ended; None while it waits."""
        if guard.asks(arguments):
            consent = self._settled(_approval(guard, self._asked(guard, ref, arguments, WaitKind.APPROVAL)))
            if consent is None or consent.ending != Ending.APPROVED or not guard.definition.defers:
                return consent
            arguments = consent.arguments or arguments
        try:
            return self._settled(self._deferred(guard, ref, arguments))
        except ToolFailed as error:
            return failed(error.message)

    def _deferred(self, guard: Guard, ref: str, arguments: dict[str, Any]) -> Asked:
        wanted = guard.deferral(self._session, arguments)
        asked = self._asked(guard, ref, arguments, kind_of(wanted))
        return _described(asked, wanted)

    def _settled(self, asked: Asked) -> Result | None:
        """How this wait ended. Raises ReplayMismatch when it was opened for something else."""
        opened = self._known.get((asked.tool_call_id, asked.kind.value))
        if opened is None:
            self.asked.append(within_reach(asked))
        elif opened.digest != asked.digest:
            raise ReplayMismatch(f"The {asked.kind} of the call {asked.tool_call_id} was opened for something else.")
        result = None if opened is None else opened.result
        self.is_open |= result is None
        return result

    def _asked(self, guard: Guard, ref: str, arguments: dict[str, Any], kind: WaitKind) -> Asked:
        return Asked(kind=kind, run_step=self._step, tool_call_id=ref, tool=guard.bound.name, arguments=dict(arguments))


def kind_of(wanted: Deferral) -> WaitKind:
    """The kind of the wait for this."""
    match wanted:
        case Question():
            return WaitKind.QUESTION
        case Timer():
            return WaitKind.TIMER
        case ChildRun():
            return WaitKind.CHILD
        case ExternalEvent():
            return WaitKind.EVENT
        case _:
            assert_never(wanted)


def _described(asked: Asked, wanted: Deferral) -> Asked:
    match wanted:
        case Question():
            schema = None if wanted.answer_schema is None else dict(wanted.answer_schema)
            return replace(
                asked, prompt=wanted.prompt, answer_schema=schema, role=wanted.role, due_seconds=wanted.due_seconds
            )
        case Timer():
            return replace(asked, due_seconds=wanted.seconds, due_at=wanted.until)
        case ChildRun():
            return replace(asked, prompt=wanted.agent, child=wanted)
        case ExternalEvent():
            return replace(asked, prompt=wanted.name, due_seconds=wanted.due_seconds)
        case _:
            assert_never(wanted)


def _approval(guard: Guard, asked: Asked) -> Asked:
    policy = guard.bound.approval
    assert policy is not None, "only a tool with a policy asks"
    return replace(
        asked,
        assignee=policy.assignee or "",
        role=policy.role.value,
        needed=policy.needed,
        services=policy.services,
        due_seconds=policy.due_seconds,
        on_due=OnDue(policy.on_due),
        escalate_role=policy.escalate_role.value if policy.escalate_role else "",
    )


def _check(guard: Guard, session: Session, arguments: dict[str, Any]) -> None:
    """Nobody is asked about a call that could not be made."""
    try:
        if guard.definition.defers:
            guard.deferral(session, arguments)
        else:
            check_arguments(guard.definition, arguments)
    except ToolFailed as error:
        raise (ModelRetry if error.retryable else Reported)(error.message) from error


def _consent(result: Result) -> ToolApproved | ToolDenied:
    if result.ending == Ending.APPROVED:
        return ToolApproved(override_args=result.arguments)
    return ToolDenied(result.message)


def _outcome(result: Result) -> Any:
    return ToolReturn(result.value) if result.ending == Ending.RETURNED else Reported(result.message)


def _known(bound: BoundTool, source: Registry) -> Definition | None:
    try:
        return source.get(bound.name, bound.version, bound.digest)
    except ToolUnavailable:
        return None


def _has_policy(bound: BoundTool) -> bool:
    return bound.approval is not None and bound.approval.when != NEVER
