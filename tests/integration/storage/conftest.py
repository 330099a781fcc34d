"""Alice reads her workspace's runs by key and in the admin."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from tests.integration.accounts.people import bearer, key_of, make_user


@pytest.fixture
def client(support: Workspace, alice: User) -> APIClient:
    return bearer(key_of(Membership.objects.get(workspace=support, user=alice)).text)


@pytest.fixture
def admin(db: None) -> Client:
    browser = Client()
    browser.force_login(make_user("root", is_staff=True, is_superuser=True))
    return browser
