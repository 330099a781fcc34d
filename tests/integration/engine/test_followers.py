"""A place that a run gives back is taken at once: its bell has rung before, and nobody polls in these tests."""

import threading
from itertools import pairwise

import pytest

from apps.runs.caps import agent_subject
from apps.runs.models import Run
from apps.runs.services import RunRequest, create_run
from apps.runs.services.caps import set_cap
from tests.integration.engine.conftest import Hosts
from tests.integration.engine.following import ended, reached
from tests.integration.runs.world import claim, make_agent, set_up_run
from tests.waiting import eventually
from workers.engine.host import Host


@pytest.fixture
def idle(settings, hosts: Hosts) -> Host:
    """A process with one slot, whose poller sleeps through the test."""
    settings.CEF_POLL_SECONDS = 600
    host = hosts.start(slots=1)
    eventually(lambda: host._lease.worker_id)
    return host


def queued(workspace, many: int) -> list[Run]:
    return [create_run(workspace.id, RunRequest(agent="docs", input="go")) for _ in range(many)]


def test_it_works(support, idle):
    """Ten bells came while the only slot was taken."""
    make_agent(support, [{"text": "Done.", "latency_s": 0.2}])
    runs = queued(support, 10)
    first = threading.Thread(target=idle.advance)
    first.start()
    reached(runs[0], "running")
    idle.advance()
    for run in runs:
        assert ended(run).status == "succeeded"
    first.join()


def test_under_a_cap(support, settings, hosts):
    """The process has slots to spare; the cap is what lets one run at a time."""
    settings.CEF_POLL_SECONDS = 600
    host = hosts.start()
    eventually(lambda: host._lease.worker_id)
    make_agent(support)
    set_cap(agent_subject(support.id, "docs"), slots=1)
    runs = queued(support, 10)
    host.advance()
    for run in runs:
        assert ended(run).status == "succeeded"
    starts = list(Run.objects.order_by("started_at").values_list("started_at", "finished_at"))
    assert all(finished <= started for (_, finished), (started, _) in pairwise(starts))


def test_a_run_without_a_cap_that_ends_costs_no_claim(support, idle):
    """Each bell claims once, and the end of a run nobody waits behind claims nothing."""
    make_agent(support)
    first, second = queued(support, 2)
    idle.advance()
    assert ended(first).status == "succeeded"
    assert not idle._successors
    second.refresh_from_db()
    assert second.status == "queued"
    idle.advance()
    assert ended(second).status == "succeeded"


def test_when_nothing_is_left_it_stops_asking(support, idle):
    make_agent(support, [{"text": "Done.", "latency_s": 0.2}])
    (run,) = queued(support, 1)
    first = threading.Thread(target=idle.advance)
    first.start()
    reached(run, "running")
    idle.advance()
    ended(run)
    first.join()
    eventually(lambda: not idle._successors)
    late = set_up_run(support)
    assert Run.objects.get(id=late.id).status == "queued"
    assert claim() is not None
