"""Deciding about a call of which nobody knows how it ended."""

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import canonical
from apps.core.exceptions import Fault
from apps.runs.dispatch import doorbell
from apps.runs.effects import UNDECIDED, get_effect, output_schema_of
from apps.runs.exceptions import EffectDecided, EffectNotOpen, InvalidRunInput, PayloadsRemoved, RunFinished
from apps.runs.live import announce_event
from apps.runs.models import Effect, Run
from apps.runs.services.cancel import stop_idle
from apps.runs.services.checks import encoded_result
from apps.runs.services.request import NOBODY, Origin
from apps.runs.statements import TELL_EFFECT
from apps.runs.states import TERMINAL, EffectState, EventType, RunStatus, StopReason
from apps.runs.text import storable
from apps.runs.transitions import Move, apply_move
from apps.tools.schemas import compile_validator, faults


class EffectDecision(StrEnum):
    """What a person says about a call of which nobody knows how it ended."""

    HAPPENED = "happened"
    RUN = "run"
    STOP = "stop"


ABSENT: Final = object()
"""No result was given; null is one."""


def resolve_effect(
    workspace_id: UUID,
    effect_id: UUID,
    *,
    decision: EffectDecision,
    result: Any = ABSENT,
    note: str = "",
    origin: Origin = NOBODY,
) -> Effect:
    """Decide about a call with an unknown outcome; when the last of a run is decided, the run goes on.

    `happened`: it had its effect, and `result` is what the agent is told it returned; the tool is not called.
    `run`: it had none, and the tool is called again, once. `stop`: the run is cancelled, and the outcome stays unknown.
    About a run that is over, only the books can be set right: `happened`, or `stop` to leave it at that.

    Raises EffectNotFound, EffectDecided when somebody was first, EffectNotOpen when there is nothing to decide now,
    RunFinished, PayloadsRemoved for a result where retention has taken the run's payloads, and InvalidRunInput for one
    that the tool could not have returned. Locks the run's row.
    """
    effect = get_effect(workspace_id, effect_id)
    stored = _stored_result(effect, decision, result)
    with transaction.atomic():
        run = Run.objects.select_for_update().get(id=effect.run_id)
        # Read again: who held the run's row before may have decided.
        effect.refresh_from_db()
        _require_open(effect, run, decision)
        _write(effect, decision, stored, storable(note), origin)
        _tell(effect, decision, origin)
        _move_on(run, decision, origin)
    return effect


def _stored_result(effect: Effect, decision: EffectDecision, result: Any) -> bytes | None:
    if (decision == EffectDecision.HAPPENED) != (result is not ABSENT):
        detail = "Say what the call returned." if result is ABSENT else f"{decision} takes no result."
        raise InvalidRunInput(detail, errors=[Fault("/result", "required" if result is ABSENT else "not_used", detail)])
    if result is ABSENT:
        return None
    stored = encoded_result(result, settings.CEF_TOOL_RESULT_BYTES)
    schema = output_schema_of(effect)
    found = faults(compile_validator(schema), result) if schema is not None else ()
    if found:
        errors = [Fault(f"/result{fault.pointer}", fault.code, fault.detail) for fault in found]
        raise InvalidRunInput(f"{effect.tool} could not have returned this.", errors=errors)
    return stored


def _require_open(effect: Effect, run: Run, decision: EffectDecision) -> None:
    if effect.state != EffectState.OUTCOME_UNKNOWN:
        decided = effect.decided_by_kind != ""
        raise EffectDecided if decided else EffectNotOpen(f"The effect is {effect.state}; there is nothing to decide.")
    if effect.settled_at is not None:
        raise EffectDecided
    if run.status in TERMINAL and decision == EffectDecision.RUN:
        raise RunFinished(f"The run has {run.status}; nothing is called for it any more.")
    if run.payloads_removed_at is not None and decision == EffectDecision.HAPPENED:
        raise PayloadsRemoved
    if run.status not in TERMINAL | {RunStatus.WAITING}:
        raise EffectNotOpen(f"The run is {run.status}; decide once it waits.")


def _write(effect: Effect, decision: EffectDecision, stored: bytes | None, note: str, origin: Origin) -> None:
    effect.state = _STATES[decision]
    effect.result = stored
    effect.note = note
    effect.decided_by_kind, effect.decided_by_id = origin.kind or "code", origin.id
    effect.settled_at = Now()
    effect.save(update_fields=["state", "result", "note", "decided_by_kind", "decided_by_id", "settled_at"])
    effect.refresh_from_db(fields=["settled_at"])


_STATES: Final = {
    EffectDecision.HAPPENED: EffectState.RECONCILED,
    EffectDecision.RUN: EffectState.FAILED,
    EffectDecision.STOP: EffectState.OUTCOME_UNKNOWN,
}


def _tell(effect: Effect, decision: EffectDecision, origin: Origin) -> None:
    who = {"by": origin.kind or None, "id": str(origin.id) if origin.id else None}
    data = {"effect": str(effect.id), "tool": effect.tool, "decision": decision.value} | who
    with connection.cursor() as cursor:
        cursor.execute(TELL_EFFECT, {"run": effect.run_id, "data": canonical.dump(data)})
        _announce(effect.run_id, int(cursor.fetchone()[0]))


def _move_on(run: Run, decision: EffectDecision, origin: Origin) -> None:
    """What the decision means for a run that waits for it; one that is over stays so."""
    if run.status != RunStatus.WAITING or run.stop_reason != StopReason.OUTCOME_UNKNOWN:
        return
    if decision == EffectDecision.STOP:
        stop_idle(run, origin=origin)
    elif not Effect.objects.filter(UNDECIDED, run_id=run.id).exists():
        waiting = frozenset({RunStatus.WAITING})
        _announce(
            run.id, apply_move(Move(run_id=run.id, to=RunStatus.QUEUED, event=EventType.RESUMED, sources=waiting))
        )
        transaction.on_commit(lambda: doorbell.ring(run.id), robust=True)


def _announce(run_id: UUID, seq: int) -> None:
    """Live readers look into the database, so they are told once the change is there."""
    transaction.on_commit(lambda: announce_event(run_id, seq), robust=True)
