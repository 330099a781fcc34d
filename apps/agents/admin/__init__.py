"""Agents in the admin: their page, and the form that publishes a version."""

from apps.agents.admin.agents import AgentAdmin
from apps.agents.admin.versions import AgentVersionAdmin

__all__ = ["AgentAdmin", "AgentVersionAdmin"]
