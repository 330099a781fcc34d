"""Reading caps: whose they are, by the names that people use, and how many of their places are taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.accounts.keys import as_uuid, key_id_in
from apps.accounts.models import ApiKey, Workspace
from apps.agents.exceptions import AgentNotFound
from apps.agents.models import Agent
from apps.core.exceptions import NotFound
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


def caps_with_taken(caps: QuerySet[Cap]) -> QuerySet[Cap]:
    """The caps with `taken`, how many of their subject's runs are running."""
    return caps.annotate(taken=Count("places", filter=Q(places__run_id__isnull=False)))


def caps_json(caps: Sequence[Any]) -> list[dict[str, Any]]:
    """The public form of rows of `caps_with_taken`; two queries for the names, however many caps."""
    names = subject_names(caps)
    return [
        {
            "id": cap.id,
            "kind": cap.kind,
            "subject": names.get(cap.subject_id),
            "slots": cap.slots,
            "running": cap.taken,
            "created_at": cap.created_at,
        }
        for cap in caps
    ]


def subject_names(caps: Sequence[Cap]) -> dict[UUID, str]:
    """What the subjects are called: the workspace's or agent's slug, the key's public id."""
    agents = [cap.subject_id for cap in caps if cap.kind == CapKind.AGENT]
    workspaces = [cap.subject_id for cap in caps if cap.kind == CapKind.WORKSPACE]
    names = dict(Agent.objects.filter(id__in=agents).values_list("id", "slug")) if agents else {}
    if workspaces:
        names |= dict(Workspace.objects.filter(id__in=workspaces).values_list("id", "slug"))
    return names | {cap.subject_id: key_id_in(cap.subject_id) for cap in caps if cap.kind == CapKind.KEY}
