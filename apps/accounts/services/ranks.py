"""Two rules about roles: nobody reaches above their own, and a workspace keeps an owner."""

import uuid

from apps.accounts.exceptions import LastOwner, RoleTooHigh
from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Role
from apps.accounts.principals import Principal


def refuse_above(by: Principal | None, *roles: str) -> None:
    """Raises RoleTooHigh when one of the roles is above that of the principal."""
    if by is not None and any(Role(role).outranks(by.role) for role in roles):
        raise RoleTooHigh


def keep_an_owner(workspace_id: uuid.UUID, *, without: Membership) -> None:
    """Raises LastOwner when no user would be an owner without this membership. Locks the workspace's row.

    The lock makes two owners who step down at once wait for each other: without it each would count the other.
    A service account that owns does not count, since nobody could sign in as it.
    """
    Workspace.objects.select_for_update().get(pk=workspace_id)
    owners = Membership.objects.filter(workspace_id=workspace_id, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=without.pk).exists() and owners.filter(pk=without.pk).exists():
        raise LastOwner
