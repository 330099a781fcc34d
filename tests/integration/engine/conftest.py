"""A worker process's engine within the test's own process, with short leases and the tests' own tools."""

from collections.abc import Iterator

import pytest

from apps.accounts.models import Workspace
from apps.tools.registry import _load_once
from apps.tools.services import sync_registry
from apps.tools.services.calling import _threads
from tests.integration.accounts.people import make_user, make_workspace
from tests.integration.engine import toolbox
from workers.engine.host import Host

MODULE = "tests.integration.engine.toolbox"


@pytest.fixture(autouse=True)
def _quick(settings) -> None:
    settings.CEF_EMBEDDER = "hash"
    settings.CEF_LEASE_SECONDS = 2.0
    settings.CEF_HEARTBEAT_SECONDS = 0.3
    settings.CEF_POLL_SECONDS = 0.1
    settings.CEF_DRAIN_SECONDS = 0.2


@pytest.fixture
def support(transactional_db: None) -> Workspace:
    return make_workspace("support", make_user("alice"))


@pytest.fixture
def tools(transactional_db: None, settings) -> Iterator[None]:
    """The toolbox of the tests is installed beside the built-in one."""
    before = settings.CEF_TOOL_MODULES
    settings.CEF_TOOL_MODULES = [*before, MODULE]
    _load_once.cache_clear()
    sync_registry()
    toolbox.calls.clear()
    toolbox.keys.clear()
    toolbox.cuts.clear()
    toolbox.found.clear()
    toolbox.gate.clear()
    yield
    toolbox.gate.set()
    _end_threads()
    settings.CEF_TOOL_MODULES = before
    _load_once.cache_clear()


def _end_threads() -> None:
    """Calls that were left behind come to their ends before the database is emptied."""
    _threads().shutdown(wait=True)
    _threads.cache_clear()


class Hosts:
    """The engines of a test; those that it leaves running are stopped after it."""

    def __init__(self) -> None:
        self._running: list[Host] = []

    def start(self, slots: int = 20, *, quarantine: bool = False) -> Host:
        host = Host(slots, quarantine=quarantine)
        host.start()
        self._running.append(host)
        return host

    def stop(self, host: Host) -> None:
        self._running.remove(host)
        host.stop()

    def stop_all(self) -> None:
        for host in list(self._running):
            self.stop(host)


@pytest.fixture
def hosts(transactional_db: None) -> Iterator[Hosts]:
    hosts = Hosts()
    yield hosts
    hosts.stop_all()


@pytest.fixture
def host(hosts: Hosts) -> Host:
    return hosts.start()
