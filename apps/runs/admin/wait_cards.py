"""A wait as a page shows it: the exact call, what has been said, and what its visitor may say."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.principals import Principal
from apps.accounts.selectors import user_principal
from apps.core.exceptions import CefError, NotFound
from apps.runs.models import Wait
from apps.runs.services.waits_deciding import VERDICTS, require_decider
from apps.runs.states import Verdict, WaitKind, WaitState
from apps.runs.waits import wait_detail

HEADINGS: Final = {
    WaitKind.APPROVAL: "May this call be made?",
    WaitKind.QUESTION: "A question",
    WaitKind.TIMER: "It sleeps",
    WaitKind.CHILD: "It waits for another run",
    WaitKind.EVENT: "It waits for an event",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A word on the wait, and whose."""

    verdict: str
    who: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """One wait. `verdicts` are those that the visitor may give; `refusal` says why there are none."""

    id: UUID
    run_id: UUID
    heading: str
    kind: str
    state: str
    tool: str
    prompt: str
    arguments: str
    is_edited: bool
    digest: str
    schema: str
    takes_text: bool
    asked_of: str
    needed: int
    approvals: int
    due_at: datetime | None
    child_id: UUID | None
    event_url: str
    decisions: list[Said]
    result: str
    verdicts: frozenset[Verdict]
    refusal: str


def cards(waits: Iterable[Wait], request: HttpRequest) -> list[Card]:
    """The waits, rows of `with_names`, as this visitor sees them; one query for each, and one for who it is."""
    found = list(waits)
    visitor = visitor_in(request, found[0].workspace_id) if found else None
    return [card(wait, visitor) for wait in found]


def visitor_in(request: HttpRequest, workspace_id: UUID) -> Principal | None:
    """Who the visitor is in the workspace; None for staff who are no members of it: they see and do not decide."""
    if isinstance(request.user, AnonymousUser):
        return None
    try:
        return user_principal(request.user, str(workspace_id))
    except (NotFound, ValidationError):
        return None


def card(wait: Wait, visitor: Principal | None) -> Card:
    """The wait as this visitor sees it; one query."""
    verdicts, refusal = _verdicts(wait, visitor)
    detail = wait_detail(wait, with_token=visitor is not None and not refusal)
    edited = detail["edited_arguments"]
    return Card(
        id=wait.id,
        run_id=wait.run_id,
        heading=HEADINGS[WaitKind(wait.kind)],
        kind=wait.kind,
        state=wait.state,
        tool=wait.tool,
        prompt=wait.prompt,
        arguments=readable(detail["arguments"] if edited is None else edited),
        is_edited=edited is not None,
        digest=detail["digest"],
        schema="" if wait.answer_schema is None else readable(wait.answer_schema),
        takes_text=takes_text(wait),
        asked_of=_asked_of(wait),
        needed=wait.needed,
        approvals=detail["approvals"],
        due_at=wait.due_at,
        child_id=wait.child_id,
        event_url=detail["event"]["url"] if detail["event"] else "",
        decisions=_said(detail["decisions"]),
        result="" if detail["result"] is None else readable(detail["result"]),
        verdicts=verdicts,
        refusal=refusal,
    )


def takes_text(wait: Wait) -> bool:
    """Whether the answer is typed as it is, and not as JSON."""
    return bool(wait.answer_schema and wait.answer_schema.get("type") == "string")


def readable(value: Any) -> str:
    """JSON for people, which reads back as the same value, whatever odd text is in it."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _verdicts(wait: Wait, visitor: Principal | None) -> tuple[frozenset[Verdict], str]:
    """What the visitor may say now, and when that is nothing, why."""
    offered = VERDICTS.get(WaitKind(wait.kind), frozenset())
    if wait.state != WaitState.OPEN or not offered:
        return frozenset(), ""
    if visitor is None:
        return frozenset(), "Only members of the workspace decide."
    allowed, refusal = set(), ""
    for verdict in offered:
        try:
            require_decider(visitor, wait, verdict)
            allowed.add(verdict)
        except CefError as error:
            refusal = error.message
    return frozenset(allowed), refusal


def _said(decisions: list[dict[str, Any]]) -> list[Said]:
    emails = _emails(one["by"]["id"] for one in decisions) if decisions else {}
    return [
        Said(
            verdict=one["verdict"],
            who=emails.get(one["by"]["id"], f"{one['by']['kind'].replace('_', ' ')} {one['by']['id']}"),
            note=one["note"],
            at=one["at"],
        )
        for one in decisions
    ]


def _emails(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    return dict(User.objects.filter(id__in=list(user_ids)).values_list("id", "email"))


def _asked_of(wait: Wait) -> str:
    if wait.assignee_id is not None:
        return _emails([wait.assignee_id]).get(wait.assignee_id, "a member who has left")
    return f"{wait.role} and above" if wait.role else "operator and above"
