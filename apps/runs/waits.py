"""Reading waits: the inbox of who decides, one wait with everything, and those of a run."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.accounts.permissions import Role
from apps.accounts.principals import Principal
from apps.runs import payloads
from apps.runs.approvals import approvals, deciders
from apps.runs.exceptions import WaitNotFound
from apps.runs.models import Decision, Run, Wait
from apps.runs.states import WaitKind, WaitState
from apps.runs.waiting import Result, call_digest, known_token

DECIDABLE: Final = (WaitKind.APPROVAL, WaitKind.QUESTION)
"""Kinds that people end."""

CHILDREN_SHOWN: Final = 100


@dataclass(frozen=True, kw_only=True)
class WaitFilter:
    """What a list of waits may be narrowed by; `mine` are those that the asker may decide."""

    mine: bool = True
    kind: WaitKind | None = None
    state: WaitState = WaitState.OPEN
    run_id: UUID | None = None


def waits_for(principal: Principal, wanted: WaitFilter) -> QuerySet[Wait]:
    """The workspace's waits that the filter names, with their run, its agent, and how many have approved."""
    waits = Wait.objects.filter(workspace_id=principal.workspace_id, state=wanted.state)
    if wanted.kind is not None:
        waits = waits.filter(kind=wanted.kind)
    if wanted.run_id is not None:
        waits = waits.filter(run_id=wanted.run_id)
    if wanted.mine:
        waits = waits.filter(decidable_by(principal))
    return with_names(waits)


def decidable_by(principal: Principal) -> Q:
    """Waits that the principal may end as others' requests; who asked for a run decides about none of its calls.

    Nor does a service account, unless the call's policy counts it.
    """
    roles = [role.value for role in Role if not role.outranks(principal.role)]
    own = Q(kind=WaitKind.APPROVAL, run__created_by_kind=principal.kind, run__created_by_id=principal.id)
    if principal.kind == "service_account":
        own |= Q(kind=WaitKind.APPROVAL, services=False)
    mine = Q(assignee_id=None)
    if principal.kind == "user":
        mine |= Q(assignee_id=principal.id)
    if not Role.ADMIN.outranks(principal.role):
        asked = deciders().filter(workspace_id=OuterRef("workspace_id"), user_id=OuterRef("assignee_id"))
        mine |= Q(~Exists(asked))
    return Q(kind__in=DECIDABLE, role__in=["", *roles]) & mine & ~own


def has_assignee(wait: Wait) -> bool:
    """Whether one member was asked who can still decide. One who has left, or may not any more, blocks nobody."""
    if wait.assignee_id is None:
        return False
    return deciders().filter(workspace_id=wait.workspace_id, user_id=wait.assignee_id).exists()


def get_wait(workspace_id: UUID, wait_id: UUID) -> Wait:
    """The wait as `wait_detail` shows it. Raises WaitNotFound, also for another workspace's."""
    wait = with_names(Wait.objects.filter(workspace_id=workspace_id, id=wait_id)).first()
    if wait is None:
        raise WaitNotFound
    return wait


def wait_json(wait: Wait) -> dict[str, Any]:
    """The public form of a row of `waits_for`, without the call's arguments."""
    return {
        "id": wait.id,
        "run_id": wait.run_id,
        "agent": wait.run.agent.slug,
        "kind": wait.kind,
        "state": wait.state,
        "tool": wait.tool,
        "tool_call_id": wait.tool_call_id,
        "prompt": wait.prompt,
        "digest": bytes(wait.digest).hex(),
        "assignee_id": wait.assignee_id,
        "role": wait.role or None,
        "needed": wait.needed,
        "services": wait.services,
        "approvals": getattr(wait, "approvals", 0),
        "due_at": wait.due_at,
        "on_due": wait.on_due,
        "escalate_role": wait.escalate_role or None,
        "child_id": wait.child_id,
        "created_at": wait.created_at,
        "resolved_at": wait.resolved_at,
    }


def wait_detail(wait: Wait, *, with_token: bool = False) -> dict[str, Any]:
    """A wait with its arguments, its decisions and its end; the token only for who may report the event.

    One query, and more for what lies apart from its row.
    """
    decisions = list(wait.decisions.order_by("id"))
    rows = [wait.arguments, wait.result, *(decision.arguments for decision in decisions)]
    asked, result, *edits = payloads.load_many(wait.workspace_id, rows)
    return wait_json(wait) | {
        "arguments": asked,
        "edited_arguments": edited_arguments(wait, decisions),
        "answer_schema": wait.answer_schema,
        "decisions": [_decision_json(*said) for said in zip(decisions, edits, strict=True)],
        "result": None if result is None else _result_json(Result.loaded(result)),
        "event": _event(wait) if with_token else None,
    }


def edited_arguments(wait: Wait, decisions: list[Decision]) -> dict[str, Any] | None:
    """The arguments that are to be decided on, when somebody has edited them; else None."""
    present = bytes(wait.digest)
    edits = (decision.arguments for decision in reversed(decisions) if bytes(decision.digest) == present)
    newest = next((edit for edit in edits if edit is not None), None)
    if newest is None or call_digest(wait.tool, payloads.load(wait.workspace_id, wait.arguments)) == present:
        return None
    edited: dict[str, Any] = payloads.load(wait.workspace_id, newest)
    return edited


def _decision_json(decision: Decision, arguments: Any) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "digest": bytes(decision.digest).hex(),
        "arguments": arguments,
        "note": decision.note,
        "by": {"kind": decision.decided_by_kind, "id": decision.decided_by_id},
        "at": decision.decided_at,
    }


def waits_of(run_id: UUID) -> list[dict[str, Any]]:
    """All that the run waited for, with arguments, decisions and ends."""
    return [wait_detail(wait) for wait in with_names(Wait.objects.filter(run_id=run_id)).order_by("id")]


def relatives(run_id: UUID) -> dict[str, Any]:
    """What the run waits for, and the runs that it started, the first hundred of them; two queries."""
    waits = with_names(Wait.objects.filter(run_id=run_id, state=WaitState.OPEN)).order_by("id")
    children = Run.objects.filter(parent_id=run_id).order_by("id").values("id", "status", slug=F("agent__slug"))
    return {
        "waits": [wait_json(wait) for wait in waits],
        "children": [
            {"id": child["id"], "agent": child["slug"], "status": child["status"]}
            for child in children[:CHILDREN_SHOWN]
        ],
    }


def with_names(waits: QuerySet[Wait]) -> QuerySet[Wait]:
    """With their run and its agent, and how many have approved what is to be decided on."""
    rows = waits.select_related("run__agent").defer("run__input", "run__output", "run__messages")
    return rows.annotate(approvals=approvals())


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "ending": result.ending.value,
        "value": result.value,
        "message": result.message or None,
        "arguments": result.arguments,
    }


def _event(wait: Wait) -> dict[str, str] | None:
    """Where the event is to be reported, as long as somebody waits for it."""
    if wait.token_digest is None or wait.state != WaitState.OPEN:
        return None
    token = known_token(wait.id, bytes(wait.token_digest))
    return None if token is None else {"token": token, "url": f"{settings.CEF_PUBLIC_URL}/api/v1/events/{token}"}
