"""Every write to agents: the agents themselves, their versions, and the labels that point at versions."""

from apps.agents.services.agents import archive_agent, create_agent, describe_agent, restore_agent
from apps.agents.services.labels import delete_label, set_label
from apps.agents.services.publish import publish_version

__all__ = [
    "archive_agent",
    "create_agent",
    "delete_label",
    "describe_agent",
    "publish_version",
    "restore_agent",
    "set_label",
]
