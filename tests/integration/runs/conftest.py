"""Alice's workspace with Bob in it, Charlie's beside it, and a doorbell that nobody has rung."""

import pytest

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from tests.integration.accounts.people import join, make_user, make_workspace
from tests.integration.runs.world import bells


@pytest.fixture(autouse=True)
def _hash_embedder(settings) -> None:
    settings.CEF_EMBEDDER = "hash"


@pytest.fixture(autouse=True)
def _silence(db: None) -> None:
    """Bells of an earlier test."""
    bells()


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


@pytest.fixture
def bob_in_support(support: Workspace, bob: User) -> Membership:
    return join(support, bob, Role.OPERATOR)
