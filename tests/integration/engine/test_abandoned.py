"""Runs that a worker holds by the database's word and does not execute are freed, and only those."""

import pytest
from django.db import transaction

from apps.runs.limits import Limits
from apps.runs.models import Run, WorkerProcess
from apps.runs.services import RunRequest, create_run
from apps.runs.statements import CLAIM_QUARANTINED, FREE_ABANDONED, QUARANTINE_AFTER
from apps.runs.states import RunStatus
from tests.integration.engine.following import ended, reached
from tests.integration.runs.world import claim, history, make_agent, make_worker, one, set_up_run
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    freed = one(FREE_ABANDONED, {"worker": worker, "executing": [], "failed": []})
    assert freed == {"id": run.id, "event_seq": 3, "status": "queued"}
    assert history(run.id) == ["run.queued", "run.started", "run.released"]
    run.refresh_from_db()
    assert (run.crashes, run.quarantined) == (0, False)


def test_a_suspect_whose_worker_lives_is_no_poison(support):
    run = set_up_run(support)
    worker = make_worker()
    Run.objects.filter(id=run.id).update(quarantined=True, crashes=QUARANTINE_AFTER)
    one(CLAIM_QUARANTINED, {"worker": worker})
    one(FREE_ABANDONED, {"worker": worker, "executing": [], "failed": []})
    run.refresh_from_db()
    assert (run.status, run.crashes, run.quarantined, run.finished_at) == ("queued", 2, True, None)


def test_one_that_failed_by_a_bug_is_charged(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    one(FREE_ABANDONED, {"worker": worker, "executing": [], "failed": [run.id]})
    run.refresh_from_db()
    assert (run.status, run.crashes) == ("queued", 1)


def test_what_is_executed_stays(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    assert one(FREE_ABANDONED, {"worker": worker, "executing": [run.id], "failed": []}) is None
    assert Run.objects.get().status == "running"


def test_another_workers_run_stays(support):
    """It may have been given back and taken by somebody else since this worker looked at its slots."""
    set_up_run(support)
    claim()
    assert one(FREE_ABANDONED, {"worker": make_worker(), "executing": [], "failed": []}) is None
    assert Run.objects.get().status == "running"


def test_a_claim_whose_answer_was_lost_is_found(support, host):
    """The connection broke after the claim was committed, so no slot knows of the run."""
    run = set_up_run(support)
    ended(run)
    worker = WorkerProcess.objects.get()
    Run.objects.filter(id=run.id).update(status=RunStatus.RUNNING, worker_id=worker.id, finished_at=None)
    eventually(lambda: "run.released" in history(run.id))
    ended(run)
    assert (run.status, run.crashes, run.attempt) == ("succeeded", 0, 2)


@pytest.mark.parametrize("seconds", [1e300, 1e12])
def test_a_life_that_no_clock_can_hold_keeps_nobody_from_working(support, host, seconds):
    first, second = set_up_run(support), set_up_run(support)
    Run.objects.filter(id=first.id).update(limits=Limits(seconds=seconds).stored())
    assert (ended(first).status, ended(second).status) == ("succeeded", "succeeded")


def test_what_was_given_up_in_vain_goes_on_at_the_next_look(support, hosts, settings):
    """The renewal hung, so the runs were given up; then it came through, and the database sees them here as before."""
    settings.CEF_POLL_SECONDS = 1.0
    host = hosts.start()
    make_agent(support, [{"hang": True, "times": 1, "text": "Hello."}])
    run = reached(create_run(support.id, RunRequest(agent="docs", input="go")), RunStatus.RUNNING)
    worker_id = run.worker_id
    with transaction.atomic():
        WorkerProcess.objects.select_for_update().get(id=worker_id)
        eventually(lambda: host._lease.worker_id is None and not host._running, within_s=1.9)
    eventually(lambda: Run.objects.get(id=run.id).lease_epoch == 2, within_s=4)
    assert WorkerProcess.objects.get().id == worker_id
    assert Run.objects.get(id=run.id).crashes == 0
