"""Alice owns the workspace, Bob is a member, Charlie belongs to another one."""

from typing import Any

from rest_framework.test import APIClient

from apps.accounts import services
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission, Role


def make_user(name: str, **fields: Any) -> User:
    return User.objects.create_user(f"{name}@example.org", "correct horse", name=name.capitalize(), **fields)


def make_workspace(slug: str, owner: User | None = None) -> Workspace:
    return services.create_workspace(slug, name=slug.capitalize(), owner=owner or make_user(f"owner-of-{slug}"))


def join(workspace: Workspace, user: User, role: Role) -> Membership:
    return Membership.objects.create(workspace=workspace, user=user, role=role)


def browser(user: User, workspace: Workspace | str | None = None, *, csrf: bool = False) -> APIClient:
    """A signed-in browser; with `csrf` it is held to the CSRF check as a real one is."""
    client = APIClient(enforce_csrf_checks=csrf)
    client.force_login(user)
    if workspace is not None:
        client.credentials(HTTP_CEF_WORKSPACE=workspace if isinstance(workspace, str) else workspace.slug)
    return client


def bearer(key: str) -> APIClient:
    """A program with this API key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def key_of(membership: Membership, *scopes: Permission, **options: Any) -> services.IssuedKey:
    return services.create_api_key(membership, name="test", scopes=scopes or None, **options)
