"""A member of staff in the admin, and a workspace with an agent."""

import pytest
from django.test import Client

from apps.accounts.models import User, Workspace
from tests.integration.accounts.people import make_user, make_workspace


@pytest.fixture
def root(db: None) -> User:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(root: User) -> Client:
    """A browser in which the platform's superuser is signed in."""
    browser = Client()
    browser.force_login(root)
    return browser


@pytest.fixture
def support(db: None) -> Workspace:
    return make_workspace("support")
