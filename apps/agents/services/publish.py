"""Publishing: from a definition to an immutable version whose every reference was checked."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from pydantic import BaseModel

from apps.accounts.selectors import member_with_email
from apps.agents.definition import AgentDefinition, Author, MountUse, ToolUse
from apps.agents.exceptions import InvalidAgentDefinition
from apps.agents.models import Agent, AgentVersion, ContextMount, ToolBinding
from apps.agents.selectors import require_active
from apps.contexts.exceptions import ContextNotFound, VersionNotFound
from apps.contexts.models import Context
from apps.contexts.selectors import context_by_id, context_by_path, version_of
from apps.core.canonical import digest
from apps.core.exceptions import Fault, NotFound
from apps.providers.models import LanguageModel
from apps.providers.selectors import model_by_name
from apps.tools.approval import ApprovalPolicy
from apps.tools.exceptions import InvalidCondition, InvalidSchema, ToolNotFound
from apps.tools.models import ToolVersion
from apps.tools.schemas import check_schema, compile_validator, faults
from apps.tools.selectors import tool_version

_SHARE_ROUNDING = 1e-9


@dataclass
class _Checked:
    """The rows that a definition names, and what is wrong with it."""

    model: LanguageModel = field(default_factory=LanguageModel)
    tools: list[tuple[ToolVersion, ToolUse]] = field(default_factory=list)
    mounts: list[tuple[Context, MountUse]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, pointer: str, code: str, detail: str) -> None:
        self.faults.append(Fault(pointer, code, detail))


@transaction.atomic
def publish_version(agent: Agent, *, definition: AgentDefinition, author: Author | None = None) -> AgentVersion:
    """The agent's next version, or its newest one when that already has this definition.

    Publishing what an older version said makes a new version: a bare slug must mean what was published last. Locks the
    agent's row. Raises InvalidAgentDefinition with every fault found, and AgentArchived.
    """
    checked = _check(agent.workspace_id, definition)
    locked = Agent.objects.select_for_update().get(pk=agent.pk)
    require_active(locked)
    newest = AgentVersion.objects.filter(agent=locked).order_by("-number").first()
    fingerprint = digest(_canonical(definition, checked))
    if newest is not None and bytes(newest.digest) == fingerprint:
        return newest
    return _insert(locked, definition, checked, fingerprint, newest.number + 1 if newest else 1, author or Author())


def _check(workspace_id: uuid.UUID, definition: AgentDefinition) -> _Checked:
    checked = _Checked()
    _check_model(workspace_id, definition, checked)
    _check_output_schema(definition, checked)
    _check_tools(workspace_id, definition, checked)
    _check_mounts(workspace_id, definition, checked)
    if checked.faults:
        raise InvalidAgentDefinition(checked.faults[0].detail, errors=checked.faults)
    return checked


def _check_model(workspace_id: uuid.UUID, definition: AgentDefinition, checked: _Checked) -> None:
    try:
        checked.model = model = model_by_name(workspace_id, definition.model)
    except NotFound as error:
        checked.refuse("/model", error.code, error.message)
        return
    if not (model.is_active and model.provider.enabled):
        checked.refuse("/model", "model_inactive", f"The model {definition.model} is switched off.")


def _check_output_schema(definition: AgentDefinition, checked: _Checked) -> None:
    if definition.output_schema is None:
        return
    try:
        schema = check_schema(definition.output_schema, pointer="/output_schema")
    except InvalidSchema as error:
        checked.faults.extend(error.errors)
        return
    if schema.get("type") != "object":
        checked.refuse("/output_schema/type", "schema_invalid", "An answer's schema must have type object.")


def _check_tools(workspace_id: uuid.UUID, definition: AgentDefinition, checked: _Checked) -> None:
    names = [use.name for use in definition.tools]
    for index, use in enumerate(definition.tools):
        pointer = f"/tools/{index}"
        if use.name in names[:index]:
            checked.refuse(f"{pointer}/name", "tool_twice", f"The tool {use.name} is bound twice.")
            continue
        try:
            row = tool_version(workspace_id, use.name, use.version)
        except ToolNotFound as error:
            checked.refuse(f"{pointer}/name", error.code, error.message)
            continue
        if not row.is_available:
            checked.refuse(pointer, "tool_unavailable", f"The tool {row} is unavailable: {row.unavailable_reason}")
        for fault in faults(compile_validator(row.config_schema), use.config):
            checked.refuse(f"{pointer}/config{fault.pointer}", "config_invalid", fault.detail)
        if use.approval is not None:
            _check_approval(workspace_id, use.approval, row, f"{pointer}/approval", checked)
        checked.tools.append((row, use))


def _check_approval(
    workspace_id: uuid.UUID, policy: ApprovalPolicy, row: ToolVersion, pointer: str, checked: _Checked
) -> None:
    try:
        policy.check(row.input_schema)
    except InvalidCondition as error:
        checked.refuse(f"{pointer}/when", error.code, error.message)
    if policy.assignee is not None and member_with_email(workspace_id, policy.assignee) is None:
        checked.refuse(f"{pointer}/assignee", "member_not_found", f"{policy.assignee} is no member of this workspace.")


def _check_mounts(workspace_id: uuid.UUID, definition: AgentDefinition, checked: _Checked) -> None:
    for index, use in enumerate(definition.mounts):
        try:
            context = _context(workspace_id, use.context)
            if use.version is not None:
                version_of(context, use.version)
        except (ContextNotFound, VersionNotFound) as error:
            checked.refuse(f"/mounts/{index}", error.code, f"{use.context}: {error.message}")
            continue
        if any(context.pk == known.pk for known, _ in checked.mounts):
            checked.refuse(f"/mounts/{index}/context", "mount_twice", f"The context {context.path} is mounted twice.")
        if use.access == "write" and use.version is not None:
            checked.refuse(
                f"/mounts/{index}/version", "mount_pinned", "A context that is written has no fixed version."
            )
        checked.mounts.append((context, use))
    if sum(use.share for use in definition.mounts) > 1 + _SHARE_ROUNDING:
        checked.refuse("/mounts", "shares_exceed_budget", "The shares of the mounts add up to more than 1.")


def _context(workspace_id: uuid.UUID, reference: str) -> Context:
    try:
        return context_by_id(workspace_id, uuid.UUID(reference))
    except ValueError:
        return context_by_path(workspace_id, reference)


def _canonical(definition: AgentDefinition, checked: _Checked) -> dict[str, Any]:
    """What the digest covers: rows by id, in the order of the definition. A model fills a schema's properties in their
    order, so the output schema counts as text.
    """
    schema = definition.output_schema
    return {
        "model": str(checked.model.pk),
        "instructions": definition.instructions,
        "settings": _stored(definition.settings),
        "output_schema": None if schema is None else json.dumps(schema),
        "tools": [{"tool": str(row.pk), "config": use.config} | _consent(use) for row, use in checked.tools],
        "mounts": [{**use.model_dump(mode="json"), "context": str(row.pk)} for row, use in checked.mounts],
        "limits": _stored(definition.limits),
        "streaming": definition.streaming,
        "context_budget_tokens": definition.context_budget_tokens,
    }


def _consent(use: ToolUse) -> dict[str, Any]:
    return {} if use.approval is None else {"approval": use.approval.model_dump(mode="json")}


def _stored(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(mode="json", exclude_none=True)


def _insert(
    agent: Agent, definition: AgentDefinition, checked: _Checked, fingerprint: bytes, number: int, author: Author
) -> AgentVersion:
    version = AgentVersion.objects.create(
        workspace_id=agent.workspace_id,
        agent=agent,
        number=number,
        model=checked.model,
        settings=_stored(definition.settings),
        instructions=definition.instructions,
        output_schema=definition.output_schema,
        limits=_stored(definition.limits),
        streaming=definition.streaming,
        context_budget_tokens=definition.context_budget_tokens,
        digest=fingerprint,
        created_by_kind=author.kind,
        created_by_id=author.id,
    )
    owner = {"workspace_id": agent.workspace_id, "agent_version": version}
    ToolBinding.objects.bulk_create(
        ToolBinding(**owner, **_consent(use), tool_version=row, config=use.config, position=position)
        for position, (row, use) in enumerate(checked.tools)
    )
    ContextMount.objects.bulk_create(
        ContextMount(**owner, context=row, **use.model_dump(exclude={"context"}), position=position)
        for position, (row, use) in enumerate(checked.mounts)
    )
    return version
