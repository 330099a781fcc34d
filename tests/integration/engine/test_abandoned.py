"""Runs that a worker holds by the database's word and does not execute are freed, and only those."""

import pytest

from apps.runs.limits import Limits
from apps.runs.models import Run, WorkerProcess
from apps.runs.statements import FREE_ABANDONED
from apps.runs.states import RunStatus
from tests.integration.engine.following import ended
from tests.integration.runs.world import claim, history, make_worker, one, set_up_run
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    freed = one(FREE_ABANDONED, {"worker": worker, "executing": []})
    assert freed == {"id": run.id, "event_seq": 3, "status": "queued"}
    assert history(run.id) == ["run.queued", "run.started", "run.released"]


def test_what_is_executed_stays(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    assert one(FREE_ABANDONED, {"worker": worker, "executing": [run.id]}) is None
    assert Run.objects.get().status == "running"


def test_another_workers_run_stays(support):
    """It may have been given back and taken by somebody else since this worker looked at its slots."""
    set_up_run(support)
    claim()
    assert one(FREE_ABANDONED, {"worker": make_worker(), "executing": []}) is None
    assert Run.objects.get().status == "running"


def test_a_claim_whose_answer_was_lost_is_found(support, host):
    """The connection broke after the claim was committed, so no slot knows of the run."""
    run = set_up_run(support)
    ended(run)
    worker = WorkerProcess.objects.get()
    Run.objects.filter(id=run.id).update(status=RunStatus.RUNNING, worker_id=worker.id, finished_at=None)
    eventually(lambda: "run.released" in history(run.id))
    ended(run)
    assert (run.status, run.crashes, run.attempt) == ("succeeded", 1, 2)


@pytest.mark.parametrize("seconds", [1e300, 1e12])
def test_a_life_that_no_clock_can_hold_keeps_nobody_from_working(support, host, seconds):
    first, second = set_up_run(support), set_up_run(support)
    Run.objects.filter(id=first.id).update(limits=Limits(seconds=seconds).stored())
    assert (ended(first).status, ended(second).status) == ("succeeded", "succeeded")
