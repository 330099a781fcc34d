"""Reads of agents: which version a name means, and all of a version in one value."""

import re
import uuid
from functools import lru_cache
from typing import Final, Literal

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from apps.agents.definition import (
    AgentBundle,
    AgentDefinition,
    ModelOptions,
    Mount,
    MountUse,
    RunLimits,
    ToolUse,
)
from apps.agents.exceptions import AgentArchived, AgentNotFound, AgentVersionNotFound
from apps.agents.models import Access, Agent, AgentLabel, AgentVersion, ContextMount, ToolBinding
from apps.core.prepared import fetch_first
from apps.tools.approval import ApprovalPolicy
from apps.tools.definitions import BoundTool
from apps.tools.effects import Effect

DEFAULT_LABEL: Final = "production"
BUNDLES_KEPT: Final = 2_000

# By hand, because every run asks: Django needs 1.6 ms of CPU to write this query anew each time, and this takes 0.1.
_RESOLVE: Final = """
    SELECT version.id, agent.archived_at IS NOT NULL
    FROM agents_agent agent JOIN agents_agentversion version ON version.agent_id = agent.id
    WHERE agent.workspace_id = %(workspace)s AND agent.slug = %(slug)s AND """
_LABELLED: Final = "SELECT version_id FROM agents_agentlabel WHERE agent_id = agent.id AND name = %(label)s"
_NEWEST: Final = "SELECT id FROM agents_agentversion WHERE agent_id = agent.id ORDER BY number DESC LIMIT 1"
_IS_NUMBERED: Final = "version.number = %(number)s"
_IS_LABELLED: Final = f"version.id = ({_LABELLED})"
_IS_NEWEST: Final = f"version.id = COALESCE(({_LABELLED}), ({_NEWEST}))"

_REFERENCE: Final = re.compile(r"(?P<slug>[a-z0-9][a-z0-9_-]{0,63})(@(?P<point>[a-z0-9][a-z0-9_-]{0,39}))?")


def resolve_version(workspace_id: uuid.UUID, reference: str) -> AgentBundle:
    """The version that `slug`, `slug@3` or `slug@label` means; one query, and three for one that is not yet known here.

    A bare slug means the label `production` where there is one, else the newest version. Raises AgentNotFound,
    AgentVersionNotFound, AgentArchived.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise AgentNotFound(f"{reference[:120]!r} is not an agent's name; write slug, slug@3 or slug@label.")
    slug, point = match["slug"], match["point"]
    number = int(point) if point and point.isdigit() else None
    where = _IS_NEWEST if point is None else _IS_LABELLED if number is None else _IS_NUMBERED
    values = {"workspace": workspace_id, "slug": slug, "label": point or DEFAULT_LABEL, "number": number}
    found = fetch_first(_RESOLVE + where, values)
    if found is None:
        raise _not_found(Agent.objects.filter(workspace_id=workspace_id, slug=slug), slug, point)
    version_id, is_archived = found
    if is_archived:
        raise AgentArchived(f"The agent {slug} is archived.", slug=slug)
    return version_bundle(version_id)


def require_active(agent: Agent) -> None:
    """Raises AgentArchived."""
    if agent.archived_at is not None:
        raise AgentArchived(f"The agent {agent.slug} is archived.", slug=agent.slug)


def agents_with_heads(agents: QuerySet[Agent]) -> QuerySet[Agent]:
    """The agents with `newest_version` (a number or None) and their labels; two queries however many agents."""
    newest = AgentVersion.objects.filter(agent=OuterRef("pk")).order_by("-number").values("number")[:1]
    labels = AgentLabel.objects.select_related("version").only("agent_id", "name", "version__number")
    return agents.annotate(newest_version=Subquery(newest)).prefetch_related(Prefetch("labels", labels))


def version_numbered(agent: Agent, number: int) -> AgentVersion:
    """Raises AgentVersionNotFound."""
    version = agent.versions.select_related("model__provider").filter(number=number).first()
    if version is None:
        raise AgentVersionNotFound(f"The agent {agent.slug} has no version {number}.")
    return version


def definition_of(version: AgentVersion) -> AgentDefinition:
    """The definition that was published, with every tool's version filled in; publishing it again changes nothing."""
    mounts = version.mounts.select_related("context").order_by("position")
    bindings = version.tool_bindings.select_related("tool_version__tool").order_by("position")
    return AgentDefinition(
        model=str(version.model),
        instructions=version.instructions,
        settings=ModelOptions.model_validate(version.settings),
        output_schema=version.output_schema,
        tools=tuple(_tool_use(binding) for binding in bindings),
        mounts=tuple(_mount_use(mount) for mount in mounts),
        limits=RunLimits.model_validate({"steps": None, **version.limits}),
        streaming=version.streaming,
        context_budget_tokens=version.context_budget_tokens,
    )


def _tool_use(binding: ToolBinding) -> ToolUse:
    row = binding.tool_version
    return ToolUse(name=row.tool.name, version=row.version, config=binding.config, approval=_approval(binding))


def _mount_use(mount: ContextMount) -> MountUse:
    return MountUse(context=mount.context.path, version=mount.version, access=_access(mount.access), share=mount.share)


@lru_cache(maxsize=BUNDLES_KEPT)
def version_bundle(version_id: uuid.UUID) -> AgentBundle:
    """All of a version, in three queries; kept by the process, since a version never changes.

    Raises AgentVersionNotFound.
    """
    version = AgentVersion.objects.filter(id=version_id).first()
    if version is None:
        raise AgentVersionNotFound
    bindings = version.tool_bindings.select_related("tool_version__tool").order_by("position")
    mounts = version.mounts.order_by("position").values_list("context_id", "version", "access", "share")
    return AgentBundle(
        version_id=version.id,
        workspace_id=version.workspace_id,
        agent_id=version.agent_id,
        number=version.number,
        model_id=version.model_id,
        instructions=version.instructions,
        settings=version.settings,
        output_schema=version.output_schema,
        tools=tuple(_bound(binding) for binding in bindings),
        mounts=tuple(Mount(context, number, _access(access), share) for context, number, access, share in mounts),
        limits=version.limits,
        streaming=version.streaming,
        context_budget_tokens=version.context_budget_tokens,
    )


def _bound(binding: ToolBinding) -> BoundTool:
    row = binding.tool_version
    return BoundTool(
        name=row.tool.name,
        version=row.version,
        digest=bytes(row.digest),
        description=row.description,
        input_schema=row.input_schema,
        effect=Effect(row.effect),
        config=binding.config,
        approval=_approval(binding),
    )


def _approval(binding: ToolBinding) -> ApprovalPolicy | None:
    return None if binding.approval is None else ApprovalPolicy.model_validate(binding.approval)


def _not_found(agents: QuerySet[Agent], slug: str, point: str | None) -> AgentNotFound | AgentVersionNotFound:
    if not agents.exists():
        return AgentNotFound(f"There is no agent {slug!r}.")
    if point is None:
        return AgentVersionNotFound(f"The agent {slug} has no published version.")
    return AgentVersionNotFound(f"The agent {slug} has no version or label {point!r}.")


def _access(stored: str) -> Literal["read", "write"]:
    return "write" if stored == Access.WRITE else "read"
