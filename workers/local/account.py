"""The demo's workspace, its person and its key, made where they are missing."""

import secrets
from collections.abc import Mapping
from datetime import timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.db.models.functions import Now

from apps.accounts import keys
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.services import create_api_key, create_workspace

EMAIL = "demo@example.com"
SLUG = "demo"
_LIFETIME = timedelta(days=365)


@transaction.atomic
def ensure_account(kept: Mapping[str, str]) -> dict[str, str]:
    """The e-mail, password and API key of a demo account that works.

    The database has only hashes; `kept` is what an earlier call returned. What no longer fits is made anew.
    """
    password = kept.get("password") or secrets.token_urlsafe(12)
    user = User.objects.filter(email=EMAIL).first() or User.objects.create_superuser(EMAIL, password)
    if not check_password(password, user.password):
        user.set_password(password)
        user.save(update_fields=["password"])
    workspace = Workspace.objects.filter(slug=SLUG).first() or create_workspace(SLUG, name="Demo", owner=user)
    membership = Membership.objects.get(workspace=workspace, user=user)
    key = kept.get("api_key", "")
    if not _works(key, membership):
        key = create_api_key(membership, name="demo", lifetime=_LIFETIME).text
    return {"email": EMAIL, "password": password, "api_key": key}


def _works(text: str, membership: Membership) -> bool:
    token = keys.parse(text)
    if token is None:
        return False
    usable = ApiKey.objects.filter(pk=token.id, membership=membership, revoked_at=None, expires_at__gt=Now())
    return any(bytes(key.digest) == keys.digest(token, key.pepper_kid) for key in usable)
