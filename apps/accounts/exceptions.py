"""What accounts refuse.

NotAuthenticated
└── InvalidKey            the API key is mistyped, unknown, expired or revoked
MalformedRequest
└── WorkspaceRequired     a browser session must name its workspace
PermissionDenied
├── WorkspaceMismatch     the credential belongs to another workspace than the header names
└── RoleTooHigh           nobody grants or touches a role above their own
Conflict
└── LastOwner             a workspace keeps at least one owner
"""

from apps.core.exceptions import Conflict, MalformedRequest, NotAuthenticated, PermissionDenied


class InvalidKey(NotAuthenticated):
    """The API key is not valid."""

    code = "invalid_api_key"


class WorkspaceRequired(MalformedRequest):
    """Name the workspace with the header CEF-Workspace (its slug or id)."""

    code = "workspace_required"


class WorkspaceMismatch(PermissionDenied):
    """The credential belongs to another workspace than the header CEF-Workspace names."""

    code = "workspace_mismatch"


class RoleTooHigh(PermissionDenied):
    """Nobody may grant, change or remove a role above their own."""

    code = "role_too_high"


class LastOwner(Conflict):
    """A workspace keeps at least one owner."""

    code = "last_owner"
