"""Alice's workspace with a model, Bob in it, and Charlie in another one with a model of the same name."""

import pytest

from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Role
from apps.agents.models import Agent
from apps.contexts.models import Context
from apps.contexts.services import create_context
from tests.integration.accounts.people import join, make_user, make_workspace
from tests.integration.agents.making import make_agent, make_model


@pytest.fixture
def support(db: None) -> Workspace:
    workspace = make_workspace("support", make_user("alice"))
    make_model(workspace)
    return workspace


@pytest.fixture
def sales(db: None) -> Workspace:
    workspace = make_workspace("sales", make_user("charlie"))
    make_model(workspace)
    return workspace


@pytest.fixture
def bob(support: Workspace) -> Membership:
    return join(support, make_user("bob"), Role.BUILDER)


@pytest.fixture
def charlie(sales: Workspace) -> Membership:
    return Membership.objects.get(workspace=sales)


@pytest.fixture
def agent(support: Workspace) -> Agent:
    return make_agent(support)


@pytest.fixture
def handbook(support: Workspace) -> Context:
    return create_context(support.id, path="handbook")
