"""Who is asking, in which workspace, and what they may do there."""

import uuid
from dataclasses import dataclass
from typing import Literal

from apps.accounts.permissions import Permission, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or service account in one workspace; `permissions` are already those in effect.

    With an API key they are the role's present permissions, narrowed to the key's scopes.
    """

    kind: Literal["user", "service_account"]
    id: uuid.UUID
    workspace_id: uuid.UUID
    role: Role
    permissions: frozenset[Permission]
    key_id: str | None = None

    # Django and DRF ask this of whatever stands in `request.user`.
    is_authenticated = True

    def can(self, permission: Permission) -> bool:
        """Whether the permission is in effect."""
        return permission in self.permissions
