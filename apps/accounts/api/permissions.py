"""Every action of every view says who may call it; an action that says nothing is refused."""

from enum import StrEnum
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.exceptions import WorkspaceRequired
from apps.accounts.permissions import Permission
from apps.accounts.principals import Principal
from apps.core.exceptions import NotAuthenticated, PermissionDenied


class Access(StrEnum):
    """Who may call an action that needs no permission; `ANYONE` is for what asks for a secret of its own."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"
    MEMBER = "member"


class HasDeclaredPermission(BasePermission):
    """Asks the view's `permissions[action]`. A method the view does not have passes, to be answered with 405."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if declared(view, getattr(view, "action", None) or "") is Access.ANYONE:
            return True
        if not request.user:
            raise NotAuthenticated
        if getattr(view, "action", None) in (None, "metadata"):
            return True
        _check(request.auth, declared(view, view.action))
        return True


def declared(view: Any, action: str) -> Permission | Access | None:
    """What the view demands for the action; None is a mistake, and refused."""
    permissions: dict[str, Permission | Access] = getattr(view, "permissions", {})
    return permissions.get(action)


def _check(principal: Any, needed: Permission | Access | None) -> None:
    if needed is None:
        raise PermissionDenied("This action declares no permission.", code="permission_undeclared")
    if needed is Access.SIGNED_IN:
        return
    if not isinstance(principal, Principal):
        raise WorkspaceRequired
    if isinstance(needed, Permission) and not principal.can(needed):
        raise PermissionDenied(f"This needs the permission {needed}.", needed=needed)
