"""Calls that change the world: intended before they are made, checked when nobody knows how they ended."""

from collections.abc import Mapping
from typing import Final

from apps.core import canonical
from apps.runs.states import EffectState, StepKind
from apps.tools.effects import Effect
from apps.tools.exceptions import ToolFailed, ToolOutputInvalid, ToolTimeout
from apps.tools.findings import DidNotHappen, Finding, Happened, Unknown
from apps.tools.toolset import Check
from workers.engine.ledger import returned
from workers.engine.session import Scratch, Session, current_scratch
from workers.engine.stops import OutcomeUnknown
from workers.engine.units import Unit

_CAME_BACK: Final = frozenset({"tool_return", "tool_content_result"})


class EffectRules:
    """What an agent's tools declare about their effects, and what follows for the ledger."""

    def __init__(self, effects: Mapping[str, Effect], check: Check | None = None) -> None:
        self._effects, self._check = effects, check

    def is_unsafe(self, unit: Unit) -> bool:
        """Whether the call must be intended first. A tool that declares nothing is unsafe."""
        return unit.kind == StepKind.TOOL and self._effects.get(unit.name, Effect.UNSAFE) == Effect.UNSAFE

    def state(self, scratch: Scratch, payload: object) -> EffectState | None:
        """How the call's line in the ledger ends, if it has one; None for what has no effect."""
        if not self._has_effect(scratch.unit):
            return None
        if scratch.checked:
            return EffectState.RECONCILED
        came_back = isinstance(payload, dict) and payload.get("kind") in _CAME_BACK
        # A result that breaks the tool's own schema tells of an effect all the same.
        happened = came_back or isinstance(scratch.failure, ToolOutputInvalid)
        return EffectState.COMMITTED if happened else EffectState.FAILED

    async def recalled(self, session: Session, unit: Unit) -> object | None:
        """The payload of a call that has had its effect, and whose process died before the step was recorded."""
        if session.run.epoch == 1 or not self._has_effect(unit):
            return None
        left = await session.journal.recall(unit)
        return None if left is None else returned(canonical.load(left))

    async def intend(self, session: Session, scratch: Scratch) -> object | None:
        """Commit the intent of an unsafe call; the payload of an earlier one, if the tool's check has found it.

        Raises OutcomeUnknown when an earlier call left no result and nobody knows how it ended.
        """
        try:
            await session.journal.intend(scratch.unit)
        except OutcomeUnknown:
            finding = await self._find(session, scratch)
            if isinstance(finding, Happened):
                return _found(scratch, finding)
            if not isinstance(finding, DidNotHappen):
                raise
            await session.journal.intend(scratch.unit, again=True)
        return None

    async def doubt(self, session: Session, scratch: Scratch, error: ToolFailed) -> object:
        """The payload of a call that ended without saying how, if the ledger or the tool's check knows it.

        A call that was cut off may still come to its end, so that it has not happened yet says nothing. Raises
        OutcomeUnknown.
        """
        left = await session.journal.recall(scratch.unit)
        if left is not None:
            return returned(canonical.load(left))
        if not self.is_unsafe(scratch.unit):
            await session.journal.intend(scratch.unit)
        finding = await self._find(session, scratch)
        if isinstance(finding, Happened):
            return _found(scratch, finding)
        if isinstance(finding, DidNotHappen) and not isinstance(error, ToolTimeout):
            return {"message": error.message, "kind": "tool_failed"}
        raise OutcomeUnknown(error.message) from error

    async def _find(self, session: Session, scratch: Scratch) -> Finding:
        if self._check is None:
            return Unknown()
        unit = scratch.unit
        token = current_scratch.set(scratch)
        try:
            return await self._check(unit.name, session.tool_call(unit.tool_call_id, unit.name), unit.arguments or {})
        finally:
            current_scratch.reset(token)

    def _has_effect(self, unit: Unit) -> bool:
        return unit.kind == StepKind.TOOL and self._effects.get(unit.name, Effect.UNSAFE) != Effect.READ_ONLY


def _found(scratch: Scratch, finding: Happened) -> object:
    scratch.checked = True
    return returned(finding.result)
