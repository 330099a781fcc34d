"""Reading caps: whose they are, by the names that people use, and how many of their places are taken."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from apps.accounts.keys import as_uuid, key_id_in
from apps.accounts.models import ApiKey
from apps.agents.exceptions import AgentNotFound
from apps.agents.models import Agent
from apps.core.exceptions import Fault, InvalidInput, NotFound
from apps.runs.models import Cap
from apps.runs.models.cap import CapKind


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose runs are counted, in one workspace."""

    workspace_id: UUID
    kind: CapKind
    id: UUID


def workspace_subject(workspace_id: UUID) -> Subject:
    """All runs of the workspace."""
    return Subject(workspace_id, CapKind.WORKSPACE, workspace_id)


def agent_subject(workspace_id: UUID, slug: str) -> Subject:
    """The runs of an agent, whatever its version. Raises AgentNotFound."""
    agent_id = Agent.objects.filter(workspace_id=workspace_id, slug=slug).values_list("id", flat=True).first()
    if agent_id is None:
        raise AgentNotFound(f"There is no agent {slug[:120]!r} in this workspace.")
    return Subject(workspace_id, CapKind.AGENT, agent_id)


def key_subject(workspace_id: UUID, key_id: str) -> Subject:
    """The runs that an API key asks for, by the key's public id. Raises NotFound (`api_key_not_found`)."""
    if not ApiKey.objects.filter(membership__workspace_id=workspace_id, id=key_id).exists():
        raise NotFound("There is no such API key in this workspace.", code="api_key_not_found")
    return Subject(workspace_id, CapKind.KEY, as_uuid(key_id))


def named_subject(workspace_id: UUID, kind: CapKind, name: str | None) -> Subject:
    """The subject as people name it: an agent's slug, a key's public id, nothing for the workspace itself.

    Raises NotFound, and InvalidInput when a name is missing or one too many.
    """
    if (kind == CapKind.WORKSPACE) != (not name):
        detail = "A cap of an agent or a key names it; a cap of the workspace names nothing."
        raise InvalidInput(detail, errors=[Fault("/subject", "subject_mismatch", detail)])
    if kind == CapKind.WORKSPACE or not name:
        return workspace_subject(workspace_id)
    return agent_subject(workspace_id, name) if kind == CapKind.AGENT else key_subject(workspace_id, name)


def caps_with_taken(caps: QuerySet[Cap]) -> QuerySet[Cap]:
    """The caps with `taken`, how many of their subject's runs are running, and the slugs that `subject_name` needs."""
    return caps.annotate(
        taken=Count("places", filter=Q(places__run_id__isnull=False)),
        agent_slug=Subquery(Agent.objects.filter(id=OuterRef("subject_id")).values("slug")),
        workspace_slug=F("workspace__slug"),
    )


def subject_name(cap: Any) -> str:
    """What a subject of `caps_with_taken` is called: the workspace's or agent's slug, the key's public id."""
    if cap.kind == CapKind.KEY:
        return key_id_in(cap.subject_id)
    return str(cap.agent_slug if cap.kind == CapKind.AGENT else cap.workspace_slug)


def cap_json(cap: Any) -> dict[str, Any]:
    """The public form of a row of `caps_with_taken`."""
    return {
        "id": cap.id,
        "kind": cap.kind,
        "subject": subject_name(cap),
        "slots": cap.slots,
        "running": cap.taken,
        "created_at": cap.created_at,
    }
