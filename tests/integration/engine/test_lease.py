"""A process that loses its lease gives its runs up before anybody else may take them, and writes nothing more."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from apps.core.ids import new_id
from apps.runs.models import Run, Step, WorkerProcess
from apps.runs.services import RunRequest, create_run
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import CUT_THE_ENGINE, ended, output, reached, steps
from tests.integration.runs.world import end_lease, history, make_agent
from tests.waiting import eventually
from workers.engine.lease import Lease, Listener


def submit(workspace, script, **definition) -> Run:
    make_agent(workspace, script, **definition)
    return create_run(workspace.id, RunRequest(agent="docs", input="go"))


def live_workers() -> list[WorkerProcess]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM runs_workerprocess WHERE expires_at > now()")
        return list(WorkerProcess.objects.filter(id__in=[row[0] for row in cursor.fetchall()]))


def test_it_works(hosts, support):
    host = hosts.start(slots=7)
    (worker,) = eventually(live_workers)
    assert (worker.slots, worker.running, worker.draining, worker.pid) == (7, 0, False, os.getpid())
    before = worker.expires_at
    eventually(lambda: WorkerProcess.objects.get().expires_at > before)
    hosts.stop(host)
    assert (live_workers(), WorkerProcess.objects.count()) == ([], 1)


def test_how_busy_it_is_is_written_down(hosts, support):
    hosts.start()
    reached(submit(support, [{"hang": True}]), RunStatus.RUNNING)
    eventually(lambda: WorkerProcess.objects.get().running == 1)


def test_a_lost_lease_costs_a_crash_and_no_step(support, tools, host):
    script = [
        {"tool_calls": [{"name": "double", "args": {"x": 1}}]},
        {"hang": True, "times": 1, "text": "never"},
    ]
    run = submit(support, script, tools=[{"name": "double"}])
    eventually(lambda: Step.objects.filter(run_id=run.id).count() == 2)
    held = Run.objects.get(id=run.id).worker_id
    assert held is not None
    end_lease(held)
    eventually(lambda: Run.objects.get(id=run.id).lease_epoch == 2)
    row = Run.objects.get(id=run.id)
    assert (row.crashes, row.attempt, row.worker_id != held) == (1, 2, True)
    assert toolbox.calls == {"double 1": 1}
    assert history(run.id)[-2:] == ["run.released", "run.started"]


def test_after_the_loss_it_works_under_a_new_lease(support, host):
    make_agent(support, [{"text": "Hello."}])
    (worker,) = eventually(live_workers)
    end_lease(worker.id)
    eventually(lambda: live_workers() and live_workers()[0].id != worker.id)
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    assert ended(run).status == "succeeded"


def test_a_zombie_does_not_go_on(support, tools, hosts):
    """The lease ends in the middle of a tool; the next holder's answer stands, the first one's is not written."""
    hosts.start()
    script = [{"tool_calls": [{"name": "wait"}]}, {"text": "Done."}]
    run = submit(support, script, tools=[{"name": "wait"}])
    eventually(lambda: toolbox.calls["wait"] == 1)
    held = Run.objects.get(id=run.id).worker_id
    assert held is not None
    end_lease(held)
    eventually(lambda: toolbox.calls["wait"] == 2)
    toolbox.gate.set()
    ended(run)
    assert (run.status, output(run), run.lease_epoch) == ("succeeded", "Done.", 2)
    assert steps(run) == [("model", "script", 1), ("tool", "wait", 2), ("model", "script", 2)]


@contextmanager
def frozen_backend(like: str) -> Iterator[None]:
    """PostgreSQL answers this connection no more, as when the network swallows its packets."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cef-engine' "
            "AND query LIKE %s",
            [f"%{like}%"],
        )
        pids = [row[0] for row in cursor.fetchall()]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_process_that_cannot_renew_stops_before_its_lease_ends(support, tools, host):
    """By its own clock, while the renewal hangs: another process must not find it still at work."""
    run = submit(support, [{"tool_calls": [{"name": "linger"}]}, {"text": "Done."}], tools=[{"name": "linger"}])
    eventually(lambda: toolbox.calls["linger"])
    (worker,) = live_workers()
    with frozen_backend("AND status = 'running' AND cancel_requested_at IS NOT NULL"):
        eventually(lambda: toolbox.cuts, within_s=10)
        worker.refresh_from_db()
        assert toolbox.cuts[0] < worker.expires_at
        assert Run.objects.get(id=run.id).status == "running"
    eventually(lambda: toolbox.calls["linger"] == 2)
    reached(run, RunStatus.RUNNING)
    assert (run.attempt, run.crashes) == (2, 0)


@pytest.mark.parametrize("kills", [1, 3])
def test_a_renewal_that_fails_for_a_moment_loses_nothing(support, host, kills):
    run = submit(support, [{"text": "Done.", "latency_s": 2}])
    reached(run, RunStatus.RUNNING)
    for _ in range(kills):
        with connection.cursor() as cursor:
            cursor.execute(CUT_THE_ENGINE)
        time.sleep(0.2)
    ended(run)
    assert (run.status, run.attempt, run.crashes, output(run)) == ("succeeded", 1, 0, "Done.")


def test_what_was_claimed_under_an_older_lease_is_not_held(hosts, support, settings):
    """A process that was stopped and came back has a lease again, and may have it before it knows that it lost one."""
    lease = Lease(1, Listener(lambda: None, lambda run_ids: None, lambda: (0, False)))
    lease.start()
    first = eventually(lambda: lease.worker_id)
    assert (lease.holds(first), lease.holds(new_id())) == (True, False)
    end_lease(first)
    second = eventually(lambda: lease.worker_id not in {None, first} and lease.worker_id)
    assert (lease.holds(first), lease.holds(second)) == (False, True)
    lease.close()
