"""Agents come and are archived; their runs keep referring to them."""

import re
import uuid
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.agents.exceptions import AgentExists, InvalidAgentDefinition
from apps.agents.models import Agent
from apps.core.exceptions import Fault

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def create_agent(workspace_id: uuid.UUID, *, slug: str, name: str = "", description: str = "") -> Agent:
    """A new agent without versions. Raises AgentExists and InvalidAgentDefinition."""
    if not SLUG.fullmatch(slug) or _is_uuid(slug):
        detail = "A slug has a-z, 0-9, - and _, begins with a letter or digit, and is no UUID."
        raise InvalidAgentDefinition(detail, errors=[Fault("/slug", "invalid", detail)])
    try:
        with transaction.atomic():
            return Agent.objects.create(
                workspace_id=workspace_id, slug=slug, name=name or slug, description=description
            )
    except IntegrityError as error:
        if "agent_slug_unique" not in str(error):
            raise
        raise AgentExists(f"There is an agent {slug!r} already.", slug=slug) from None


def describe_agent(agent: Agent, *, name: str | None = None, description: str | None = None) -> Agent:
    """Change what people read about the agent; what it does is in its versions."""
    agent.name = agent.name if name is None else name
    agent.description = agent.description if description is None else description
    agent.save(update_fields=["name", "description"])
    return agent


def archive_agent(agent: Agent) -> Agent:
    """Take no more runs, versions or labels; running work goes on. Archiving twice changes nothing."""
    Agent.objects.filter(pk=agent.pk, archived_at=None).update(archived_at=Now())
    agent.refresh_from_db(fields=["archived_at"])
    return agent


def restore_agent(agent: Agent) -> Agent:
    """Undo `archive_agent`."""
    agent.archived_at = None
    agent.save(update_fields=["archived_at"])
    return agent


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
