"""Alice's workspace with Bob in it, Charlie's beside it, and a doorbell that nobody has rung."""

import pytest

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from tests.integration.accounts.people import join
from tests.integration.runs.world import bells


@pytest.fixture(autouse=True)
def _silence(db: None) -> None:
    """Bells of an earlier test."""
    bells()


@pytest.fixture
def bob_in_support(support: Workspace, bob: User) -> Membership:
    return join(support, bob, Role.OPERATOR)
