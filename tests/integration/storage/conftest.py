"""Alice reads her workspace's runs by key and in the admin; an engine of the test's own works on them."""

from collections.abc import Iterator

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from apps.tools.registry import _load_once
from apps.tools.services import sync_registry
from tests.integration.accounts.people import bearer, key_of, make_user
from tests.integration.engine.conftest import Hosts
from tests.integration.storage import toolbox
from workers.engine.host import Host


@pytest.fixture(autouse=True)
def _quick(settings) -> None:
    settings.CEF_EMBEDDER = "hash"
    settings.CEF_LEASE_SECONDS = 2.0
    settings.CEF_HEARTBEAT_SECONDS = 0.3
    settings.CEF_POLL_SECONDS = 0.1
    settings.CEF_DRAIN_SECONDS = 0.2


@pytest.fixture
def tools(transactional_db: None, settings) -> Iterator[None]:
    """The toolbox of these tests is installed beside the built-in one."""
    before = settings.CEF_TOOL_MODULES
    settings.CEF_TOOL_MODULES = [*before, "tests.integration.storage.toolbox"]
    _load_once.cache_clear()
    sync_registry()
    toolbox.reset()
    yield
    settings.CEF_TOOL_MODULES = before
    _load_once.cache_clear()


@pytest.fixture
def hosts(transactional_db: None) -> Iterator[Hosts]:
    hosts = Hosts()
    yield hosts
    hosts.stop_all()


@pytest.fixture
def host(hosts: Hosts) -> Host:
    return hosts.start()


@pytest.fixture
def client(support: Workspace, alice: User) -> APIClient:
    return bearer(key_of(Membership.objects.get(workspace=support, user=alice)).text)


@pytest.fixture
def admin(db: None) -> Client:
    browser = Client()
    browser.force_login(make_user("root", is_staff=True, is_superuser=True))
    return browser
