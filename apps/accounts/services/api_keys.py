"""API keys: made once, shown once, ended at any time."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from apps.accounts import keys
from apps.accounts.models import ApiKey, Membership
from apps.accounts.permissions import KEY_SCOPES, ROLE_PERMISSIONS, Permission, Role
from apps.accounts.principals import Principal
from apps.accounts.services.ranks import refuse_above
from apps.core.exceptions import Fault, InvalidInput, PermissionDenied

DEFAULT_LIFETIME: Final = timedelta(days=90)
MAX_LIFETIME: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its text, which nobody can read again."""

    key: ApiKey
    text: str = field(repr=False)


def create_api_key(
    membership: Membership,
    *,
    name: str,
    scopes: Collection[Permission] | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
    by: Principal | None = None,
) -> IssuedKey:
    """A key that acts for the member with the scopes given, or with all that the member may do now and a key can.

    Raises InvalidInput for scopes that the member's role does not have and for lifetimes over a year, RoleTooHigh for a
    member above the one who asks, PermissionDenied when a key asks, or somebody for another person.
    """
    _refuse_stranger(membership, by)
    permitted = ROLE_PERMISSIONS[Role(membership.role)] & KEY_SCOPES
    wanted = permitted if scopes is None else frozenset(scopes)
    _check(wanted - permitted, lifetime)
    token, pepper_kid = keys.new_token(), keys.active_pepper_kid()
    key = ApiKey.objects.create(
        id=token.id,
        membership=membership,
        name=name,
        digest=keys.digest(token, pepper_kid),
        pepper_kid=pepper_kid,
        scopes=sorted(wanted),
        expires_at=Now() + lifetime,
    )
    key.refresh_from_db(fields=["expires_at"])
    return IssuedKey(key, token.text)


def revoke_api_key(key: ApiKey, *, by: Principal | None = None) -> ApiKey:
    """End the key now; revoking it again changes nothing. Raises PermissionDenied for another member's key."""
    _refuse_stranger(key.membership, by, may_manage=True)
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now())
    key.refresh_from_db(fields=["revoked_at"])
    return key


def _refuse_stranger(membership: Membership, by: Principal | None, *, may_manage: bool = False) -> None:
    """Everyone has their own keys; who manages members also has those of service accounts, and may revoke any."""
    if by is None:
        return
    if by.key_id is not None:
        raise PermissionDenied("An API key cannot make or revoke API keys.")
    if membership.holder_id == by.id:
        return
    manages = by.can(Permission.MEMBERS_MANAGE) and (may_manage or membership.kind == "service_account")
    if not manages:
        raise PermissionDenied("This key belongs to another member.")
    refuse_above(by, membership.role)


def _check(too_wide: Collection[Permission], lifetime: timedelta) -> None:
    faults = [
        Fault("/scopes", "scope_too_wide", f"The member's role does not give {scope}.") for scope in sorted(too_wide)
    ]
    if not timedelta() < lifetime <= MAX_LIFETIME:
        faults.append(Fault("/expires_in_days", "invalid", f"Between 1 and {MAX_LIFETIME.days} days."))
    if faults:
        raise InvalidInput("The input is not valid.", errors=faults)
