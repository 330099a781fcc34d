"""Reading the ledger of effects: what was called, what came of it, and what a person must decide."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.agents.selectors import version_bundle
from apps.core.exceptions import NotFound
from apps.runs import payloads
from apps.runs.exceptions import EffectNotFound
from apps.runs.models import Effect, Run, Step
from apps.runs.states import EffectState
from apps.tools.selectors import tool_version

UNDECIDED = Q(state=EffectState.OUTCOME_UNKNOWN, settled_at__isnull=True)
"""Calls of which nobody knows how they ended, and about which nobody has decided."""


def get_effect(workspace_id: UUID, effect_id: UUID, *, run_id: UUID | None = None) -> Effect:
    """The line with its run. Raises EffectNotFound, also for another workspace's or another run's."""
    rows = Effect.objects.select_related("run").filter(workspace_id=workspace_id, id=effect_id)
    effect = (rows if run_id is None else rows.filter(run_id=run_id)).first()
    if effect is None:
        raise EffectNotFound
    return effect


def effects_of(run_id: UUID) -> QuerySet[Effect]:
    """The run's lines in the order of their intents, each with the result of its step."""
    step = Step.objects.filter(run_id=OuterRef("run_id"), key=OuterRef("key"))
    rows: QuerySet[Effect] = Effect.objects.filter(run_id=run_id).order_by("id")
    return rows.annotate(step_n=Subquery(step.values("n")), step_result=Subquery(step.values("result")))


def undecided_in(runs: "QuerySet[Run]") -> "QuerySet[Run]":
    """Those of the runs that wait for a decision about an effect."""
    return runs.filter(Exists(Effect.objects.filter(UNDECIDED, run_id=OuterRef("id"))))


def effect_json(effect: Effect) -> dict[str, Any]:
    """The public form of a line of `effects_of`; one query for payloads that lie apart."""
    return effects_json([effect])[0]


def effects_json(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """The public form of lines of `effects_of`; one query for payloads that lie apart."""
    rows = list(effects)
    if not rows:
        return []
    stored = [row for effect in rows for row in (effect.arguments, _result_of(effect), effect.late_result)]
    values = iter(payloads.load_many(rows[0].workspace_id, stored))
    return [_json(effect, next(values), next(values), next(values)) for effect in rows]


def output_schema_of(effect: Effect) -> dict[str, Any] | None:
    """What the called tool's results must keep, as its agent's version binds it; None when anything goes."""
    tools = version_bundle(effect.run.agent_version_id).tools
    bound = next((tool for tool in tools if tool.name == effect.tool), None)
    if bound is None:
        return None
    try:
        return tool_version(effect.workspace_id, bound.name, bound.version).output_schema
    except NotFound:
        return None


def _result_of(effect: Effect) -> Any:
    step_result = getattr(effect, "step_result", None)
    return effect.result if step_result is None else step_result


def _json(effect: Effect, arguments: Any, result: Any, late: Any) -> dict[str, Any]:
    recorded = getattr(effect, "step_result", None) is not None
    decided = effect.decided_by_kind != ""
    return {
        "id": effect.id,
        "key": effect.key,
        "tool": effect.tool,
        "state": effect.state,
        "undecided": effect.state == EffectState.OUTCOME_UNKNOWN and effect.settled_at is None,
        "arguments": arguments,
        "result": _told(result) if recorded else result,
        "late_result": _told(late),
        "step": getattr(effect, "step_n", None),
        "attempt": effect.epoch,
        "decided_by": {"kind": effect.decided_by_kind, "id": effect.decided_by_id} if decided else None,
        "note": effect.note,
        "created_at": effect.created_at,
        "settled_at": effect.settled_at,
    }


def _told(payload: Any) -> Any:
    """What the tool returned, or the words of its failure, out of the payload as the loop recorded it."""
    if not isinstance(payload, dict):
        return payload
    return payload["result"] if "result" in payload else payload.get("message")
