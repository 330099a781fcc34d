"""What can go wrong with agents.

CefError
├── NotFound: AgentNotFound, AgentVersionNotFound
├── Conflict: AgentExists, AgentArchived, VersionIsImmutable
└── InvalidInput: InvalidAgentDefinition
"""

from apps.core.exceptions import Conflict, InvalidInput, NotFound


class AgentNotFound(NotFound):
    """There is no such agent."""

    code = "agent_not_found"


class AgentVersionNotFound(NotFound):
    """The agent has no such version or label."""

    code = "agent_version_not_found"


class AgentExists(Conflict):
    """Another agent of the workspace has this slug."""

    code = "agent_exists"


class AgentArchived(Conflict):
    """An archived agent takes no new runs, versions or labels."""

    code = "agent_archived"


class VersionIsImmutable(Conflict):
    """A published version cannot be changed."""

    code = "agent_version_immutable"


class InvalidAgentDefinition(InvalidInput):
    """The definition names something that does not exist, or breaks a rule; `errors` say what and where."""

    code = "agent_definition_invalid"
