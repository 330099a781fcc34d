"""Alice's workspace, with Bob in it."""

import pytest

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from tests.integration.accounts.people import join


@pytest.fixture
def bob_in_support(support: Workspace, bob: User) -> Membership:
    return join(support, bob, Role.BUILDER)
