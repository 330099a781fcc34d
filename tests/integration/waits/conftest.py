"""Alice owns the workspace and asks for runs; Bob and Carol are on the team and decide."""

import pytest

from apps.accounts.models import Workspace
from apps.accounts.permissions import Role
from apps.accounts.principals import Principal
from tests.integration.accounts.people import make_user, make_workspace
from tests.integration.engine.conftest import _quick, host, hosts, tools
from tests.integration.waits.world import member, principal_of

__all__ = ["_quick", "host", "hosts", "tools"]


@pytest.fixture
def support(transactional_db: None) -> Workspace:
    return make_workspace("support", make_user("alice"))


@pytest.fixture
def alice(support: Workspace) -> Principal:
    """Who asks for the runs."""
    return principal_of(support, "alice")


@pytest.fixture
def bob(support: Workspace) -> Principal:
    return member(support, "bob", Role.OPERATOR)


@pytest.fixture
def carol(support: Workspace) -> Principal:
    return member(support, "carol", Role.ADMIN)


@pytest.fixture
def charlie(transactional_db: None) -> Principal:
    """A stranger: the owner of another workspace."""
    return principal_of(make_workspace("sales", make_user("charlie")), "charlie")
