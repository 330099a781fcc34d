"""Roles and what each may do: the one table that every door asks."""

from enum import StrEnum


class Permission(StrEnum):
    """`<resource>:<action>`; also the scopes of API keys."""

    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    WAITS_DECIDE = "waits:decide"
    THREADS_READ = "threads:read"
    THREADS_WRITE = "threads:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    TOOLS_READ = "tools:read"
    TOOLS_WRITE = "tools:write"
    CONTEXTS_READ = "contexts:read"
    CONTEXTS_WRITE = "contexts:write"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    PROVIDERS_READ = "providers:read"
    PROVIDERS_WRITE = "providers:write"
    MEMBERS_MANAGE = "members:manage"
    KEYS_MANAGE = "keys:manage"
    WORKSPACE_MANAGE = "workspace:manage"
    PLATFORM_OPERATE = "platform:operate"


class Role(StrEnum):
    """Roles of a workspace, the highest first; each may do all that the ones below it may."""

    OWNER = "owner"
    ADMIN = "admin"
    BUILDER = "builder"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def outranks(self, other: "Role") -> bool:
        """Whether this role is strictly above the other."""
        ranking = list(Role)
        return ranking.index(self) < ranking.index(other)


_READ = frozenset(permission for permission in Permission if permission.endswith(":read"))
_OPERATE = _READ | {
    Permission.RUNS_WRITE,
    Permission.WAITS_DECIDE,
    Permission.THREADS_WRITE,
    Permission.KEYS_MANAGE,
}
_BUILD = _OPERATE | {
    Permission.AGENTS_WRITE,
    Permission.TOOLS_WRITE,
    Permission.CONTEXTS_WRITE,
    Permission.DOCUMENTS_WRITE,
}
# Providers hold credentials, and whoever may change a base URL can have the credential sent there.
_MANAGE = _BUILD | {Permission.PROVIDERS_WRITE, Permission.MEMBERS_MANAGE, Permission.WORKSPACE_MANAGE}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _MANAGE,
    Role.ADMIN: _MANAGE,
    Role.BUILDER: _BUILD,
    Role.OPERATOR: _OPERATE,
    Role.VIEWER: _READ,
}

# No role grants platform:operate; staff have it in a browser session, and no API key ever does.
STAFF_PERMISSIONS = frozenset({Permission.PLATFORM_OPERATE})

# What no API key may do, whatever its scopes say: a stolen key must not make itself at home.
KEY_SCOPES = frozenset(Permission) - STAFF_PERMISSIONS - {Permission.KEYS_MANAGE, Permission.MEMBERS_MANAGE}


def roles_with(permission: Permission) -> frozenset[Role]:
    """The roles that may do this."""
    return frozenset(role for role, granted in ROLE_PERMISSIONS.items() if permission in granted)
