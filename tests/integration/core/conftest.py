"""A builder's client of the probe API, and that of somebody in another workspace."""

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Role
from tests.integration.accounts.people import bearer, join, key_of, make_user, make_workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace("support")


@pytest.fixture
def member(workspace: Workspace) -> Membership:
    return join(workspace, make_user("bob"), Role.BUILDER)


@pytest.fixture
def client(member: Membership) -> APIClient:
    return bearer(key_of(member).text)


@pytest.fixture
def stranger(db: None) -> APIClient:
    return bearer(key_of(join(make_workspace("sales"), make_user("charlie"), Role.BUILDER)).text)
