"""Who the tests are about: Alice owns a workspace, Bob is on the team, Charlie owns another one."""

import pytest

from apps.accounts.models import User, Workspace
from tests.integration.accounts.people import make_user, make_workspace


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie")


@pytest.fixture
def support(alice: User) -> Workspace:
    return make_workspace("support", alice)


@pytest.fixture
def sales(charlie: User) -> Workspace:
    return make_workspace("sales", charlie)
