"""The workers' dashboard as an OAuth client: its registration, and who may sign in to it."""

from typing import Final

from django.contrib.auth.hashers import check_password
from django.db import transaction
from oauth2_provider.models import Application

from apps.accounts.models import Membership, User
from apps.accounts.oauth.client import CLIENT_ID
from apps.accounts.permissions import Role

ROLES: Final = tuple(role for role in Role if not Role.OPERATOR.outranks(role))
"""Operator and every role above."""


def may_see_dashboard(user: User) -> bool:
    """Whether this is an active member of staff, or an operator (or above) of any workspace."""
    if not user.is_active:
        return False
    return user.is_staff or Membership.objects.filter(user=user, role__in=ROLES).exists()


@transaction.atomic
def register_dashboard(*, url: str, secret: str) -> bool:
    """Create the dashboard's client or bring it up to date, and say whether anything changed.

    It is confidential, comes back to `<url>/login` and nowhere else, and asks for no consent: it is the platform's own.
    """
    wanted = {
        "name": "Workers' dashboard",
        "client_type": Application.CLIENT_CONFIDENTIAL,
        "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
        "redirect_uris": f"{url}/login",
        "skip_authorization": True,
    }
    client = Application.objects.select_for_update().filter(client_id=CLIENT_ID).first()
    if client is None:
        Application.objects.create(client_id=CLIENT_ID, client_secret=secret, **wanted)
        return True
    return _update(client, wanted, secret)


def _update(client: Application, wanted: dict[str, object], secret: str) -> bool:
    changed = {name: value for name, value in wanted.items() if getattr(client, name) != value}
    if not check_password(secret, client.client_secret):
        changed["client_secret"] = secret
    for name, value in changed.items():
        setattr(client, name, value)
    if changed:
        client.save(update_fields=[*changed, "updated"])
    return bool(changed)
