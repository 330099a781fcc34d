"""Alice owns the workspace and calls its API by key; Bob is on the team, in whatever role; Charlie owns another one."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission, Role
from tests.integration.accounts.people import bearer, join, key_of, make_user
from tests.integration.runs.world import bells


@pytest.fixture(autouse=True)
def _silence(db: None) -> None:
    """Bells of an earlier test."""
    bells()


@pytest.fixture
def client(support: Workspace, alice: User) -> APIClient:
    return bearer(key_of(Membership.objects.get(workspace=support, user=alice)).text)


@pytest.fixture
def stranger(sales: Workspace, charlie: User) -> APIClient:
    return bearer(key_of(Membership.objects.get(workspace=sales, user=charlie)).text)


@pytest.fixture
def bob(support: Workspace) -> Callable[..., APIClient]:
    """Bob with a key of this role, narrowed to the scopes if any are named."""

    def make(role: Role, *scopes: Permission, **options: Any) -> APIClient:
        return bearer(key_of(join(support, make_user(f"bob-{role}"), role), *scopes, **options).text)

    return make
