"""Reads of accounts: who may do what where, and whether work is taken in."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from apps.accounts.models import ApiKey, Membership, PlatformState, User, Workspace
from apps.accounts.permissions import KEY_SCOPES, ROLE_PERMISSIONS, STAFF_PERMISSIONS, Permission, Role
from apps.accounts.principals import Principal
from apps.core.exceptions import NotFound

USE_RECORDED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What is stored of an API key, and what it grants; times are judged by the database's clock."""

    digest: bytes
    pepper_kid: str
    principal: Principal
    workspace_slug: str
    is_expired: bool
    is_revoked: bool
    is_owner_active: bool
    use_is_recorded: bool


def key_grant(key_id: str) -> KeyGrant | None:
    """The stored key with its membership and workspace, in one query; None when there is none."""
    is_expired, is_recorded = Q(expires_at__lte=Now()), Q(last_used_at__gt=Now() - USE_RECORDED_EVERY)
    key = (
        ApiKey.objects.select_related("membership__workspace", "membership__user")
        .annotate(is_expired=_is(is_expired), is_recorded=_is(is_recorded))
        .filter(pk=key_id)
        .first()
    )
    if key is None:
        return None
    user = key.membership.user
    return KeyGrant(
        digest=bytes(key.digest),
        pepper_kid=key.pepper_kid,
        principal=_key_principal(key),
        workspace_slug=key.membership.workspace.slug,
        is_expired=key.is_expired,
        is_revoked=key.revoked_at is not None,
        is_owner_active=user is None or user.is_active,
        use_is_recorded=bool(key.is_recorded),
    )


def user_principal(user: User, workspace: str) -> Principal:
    """The user in the workspace of this slug or id. Raises NotFound when there is none, or the user is no member."""
    membership = _memberships_in(workspace).filter(user=user).values_list("workspace_id", "role").first()
    if membership is None:
        raise NotFound("There is no such workspace, or you are no member of it.", code="workspace_not_found")
    workspace_id, role = membership[0], Role(membership[1])
    permissions = ROLE_PERMISSIONS[role] | (STAFF_PERMISSIONS if user.is_staff else frozenset())
    return Principal("user", user.pk, workspace_id, role, permissions)


def workspaces_of(user: User) -> QuerySet[Workspace]:
    """The workspaces that the user is a member of."""
    return Workspace.objects.filter(pk__in=Membership.objects.filter(user=user).values("workspace_id"))


def intake_pause(workspace_id: uuid.UUID) -> datetime | None:
    """Since when new runs are refused, by the platform or the workspace; None while they are taken. One query."""
    platform = PlatformState.objects.values_list("intake_paused_at", flat=True)
    workspace = Workspace.objects.filter(pk=workspace_id).values_list("intake_paused_at", flat=True)
    pauses = [paused_at for paused_at in platform.union(workspace, all=True) if paused_at is not None]
    return min(pauses, default=None)


def _is(condition: Q) -> "ExpressionWrapper[Q]":
    return ExpressionWrapper(condition, output_field=BooleanField(null=True))


def _key_principal(key: ApiKey) -> Principal:
    membership, role = key.membership, Role(key.membership.role)
    permissions = _key_permissions(role, tuple(key.scopes))
    return Principal(membership.kind, membership.holder_id, membership.workspace_id, role, permissions, key.pk)


@cache
def _key_permissions(role: Role, scopes: tuple[str, ...]) -> frozenset[Permission]:
    """The role's permissions, narrowed to the key's scopes and to what a key may do at all."""
    return ROLE_PERMISSIONS[role] & KEY_SCOPES & frozenset(scopes)


def _memberships_in(workspace: str) -> QuerySet[Membership]:
    try:
        return Membership.objects.filter(workspace_id=uuid.UUID(workspace))
    except ValueError:
        return Membership.objects.filter(workspace__slug=workspace)
