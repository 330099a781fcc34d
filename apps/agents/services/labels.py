"""Labels: movable names for versions, such as `production`."""

import re
from typing import Final

from django.db import transaction

from apps.agents.exceptions import AgentVersionNotFound, InvalidAgentDefinition
from apps.agents.models import Agent, AgentLabel, AgentVersion
from apps.agents.selectors import require_active
from apps.core.exceptions import Fault

# A label cannot be a number: `agent@3` is a version.
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@transaction.atomic
def set_label(agent: Agent, *, name: str, number: int) -> AgentLabel:
    """Let the label point at the version of this number; runs that were created before keep theirs.

    Raises AgentVersionNotFound, AgentArchived, InvalidAgentDefinition.
    """
    require_active(agent)
    if not NAME.fullmatch(name):
        detail = "A label begins with a letter and has a-z, 0-9, - and _, up to 40 characters."
        raise InvalidAgentDefinition(detail, errors=[Fault("/name", "invalid", detail)])
    version = AgentVersion.objects.filter(agent=agent, number=number).first()
    if version is None:
        raise AgentVersionNotFound(f"{agent.slug} has no version {number}.")
    label, _ = AgentLabel.objects.update_or_create(
        agent=agent, name=name, defaults={"version": version, "workspace_id": agent.workspace_id}
    )
    return label


def delete_label(agent: Agent, *, name: str) -> None:
    """Take the label away. Raises AgentVersionNotFound when there is none."""
    deleted, _ = AgentLabel.objects.filter(agent=agent, name=name).delete()
    if not deleted:
        raise AgentVersionNotFound(f"{agent.slug} has no label {name!r}.")
