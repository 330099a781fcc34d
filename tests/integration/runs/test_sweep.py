"""Runs of workers that are no more become runnable again, and one that kills its workers is given up."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.caps import workspace_subject
from apps.runs.models import Event, Run, WorkerProcess
from apps.runs.services import cancel_run, create_thread
from apps.runs.services.caps import set_cap
from apps.runs.statements import CLAIM_QUARANTINED, QUARANTINE_AFTER, SWEEP
from apps.runs.states import RunStatus
from tests.integration.runs.crowds import copy_run
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import (
    bells,
    claim,
    end_lease,
    history,
    make_worker,
    one,
    record,
    set_up_run,
    together,
)
from workers.ops.sweeping import sweep_runs

pytestmark = pytest.mark.django_db(transaction=True)


def crash(run: Run) -> None:
    """A worker takes the run and dies."""
    worker = make_worker()
    claimed = claim(worker)
    assert claimed is not None
    assert claimed["id"] == run.id
    end_lease(worker)
    one(SWEEP)


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(support, send):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    end_lease(worker)
    assert send(SWEEP, {}) == {"id": run.id, "event_seq": 3, "status": "queued"}
    run.refresh_from_db()
    assert (run.status, run.worker_id, run.crashes, run.attempt, run.finished_at) == ("queued", None, 1, 1, None)
    assert history(run.id) == ["run.queued", "run.started", "run.released"]
    data = canonical.load(Event.objects.get(run_id=run.id, seq=3).data)
    assert data == {"cause": "worker_lost", "crashes": 1, "quarantined": False}
    assert send(SWEEP, {}) is None


def test_a_worker_that_could_not_renew_because_the_server_was_away_has_not_crashed(support):
    run = set_up_run(support)
    worker = make_worker()
    Run.objects.filter(id=run.id).update(quarantined=True, crashes=QUARANTINE_AFTER)
    one(CLAIM_QUARANTINED, {"worker": worker})
    long_ago = Now() - timedelta(days=1000)
    WorkerProcess.objects.filter(id=worker).update(heartbeat_at=long_ago, expires_at=long_ago)
    assert one(SWEEP) == {"id": run.id, "event_seq": 3, "status": "queued"}
    run.refresh_from_db()
    assert (run.crashes, run.quarantined, run.error_detail, run.finished_at) == (2, True, "", None)
    data = canonical.load(Event.objects.get(run_id=run.id, seq=3).data)
    assert data == {"cause": "lease_lost", "crashes": 2, "quarantined": True}
    assert claim_alone()["id"] == run.id


def test_a_run_whose_worker_lives_stays(support):
    run = set_up_run(support)
    claim()
    assert one(SWEEP) is None
    assert (Run.objects.get().status, history(run.id)) == ("running", ["run.queued", "run.started"])


def test_a_worker_that_is_not_known_counts_as_gone(support):
    run = set_up_run(support)
    claim()
    Run.objects.filter(id=run.id).update(worker_id=new_id())
    assert one(SWEEP) is not None


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.RUNNING}))
def test_only_running_runs(support, status):
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(status=status)
    assert one(SWEEP) is None


def quarantined_run(support) -> Run:
    run = set_up_run(support)
    for _ in range(QUARANTINE_AFTER):
        crash(run)
    run.refresh_from_db()
    return run


def claim_alone() -> dict[str, Any]:
    claimed = one(CLAIM_QUARANTINED, {"worker": make_worker()})
    assert claimed is not None
    return claimed


def test_a_run_that_kills_its_workers_is_executed_alone(support):
    run = quarantined_run(support)
    assert (run.status, run.crashes, run.quarantined) == ("queued", 2, True)
    assert claim() is None
    assert claim_alone()["id"] == run.id


def test_one_that_kills_a_worker_of_its_own_is_poison(support):
    run = quarantined_run(support)
    worker = make_worker()
    assert one(CLAIM_QUARANTINED, {"worker": worker}) is not None
    end_lease(worker)
    one(SWEEP)
    run.refresh_from_db()
    assert (run.status, run.stop_reason, run.error_code, run.crashes) == ("failed", "poison", "poison", 3)
    died = "The worker died 3 times without a new step, at last with this run alone in it, before its next step."
    assert run.error_detail == died
    assert run.finished_at is not None
    assert history(run.id)[-1] == "run.failed"
    assert claim() is None


def test_a_step_alone_clears_the_run(support):
    run = quarantined_run(support)
    record(run.id, claim_alone()["lease_epoch"])
    run.refresh_from_db()
    assert (run.status, run.crashes, run.quarantined) == ("running", 0, False)


def test_progress_forgives(support):
    run = set_up_run(support)
    for n in range(2 * QUARANTINE_AFTER):
        worker = make_worker()
        claimed = claim(worker)
        assert claimed is not None
        record(run.id, claimed["lease_epoch"], key=f"{n}/x/0")
        end_lease(worker)
        one(SWEEP)
        assert (Run.objects.get().status, Run.objects.get().crashes) == ("queued", 1)


def test_two_sweepers_charge_one_crash(support):
    worker = make_worker()
    for _ in range(20):
        set_up_run(support)
        claim(worker)
    end_lease(worker)
    together(*[lambda: one(SWEEP)] * 4)
    assert set(Run.objects.values_list("status", "crashes", "event_seq")) == {("queued", 1, 3)}


def test_a_cancel_request_outlives_the_worker(support):
    run = set_up_run(support)
    worker = make_worker()
    claim(worker)
    cancel_run(support.id, run.id)
    end_lease(worker)
    one(SWEEP)
    again = claim()
    assert again is not None
    assert again["cancel_requested"] is True


def test_the_bell_rings_as_often_as_slots_are_free(support):
    runs = [set_up_run(support).id for _ in range(5)]
    bells()
    sweep_runs()
    assert bells() == []
    make_worker(slots=2)
    make_worker(seconds=-5, slots=50)
    sweep_runs()
    assert bells() == [str(run_id) for run_id in runs[:2]]
    WorkerProcess.objects.update(running=2)
    sweep_runs()
    assert bells() == []


def test_the_bell_never_rings_once_per_queued_run(support, sales):
    copy_run(set_up_run(support), 4_000)
    copy_run(set_up_run(sales), 4_000)
    bells()
    make_worker(slots=3)
    make_worker(slots=4)
    sweep_runs()
    assert len(bells()) == 7


def test_no_bell_rings_for_what_cannot_start(support, sales):
    """Held and suspect runs, and those behind a cap that has no room for them."""
    copy_run(set_up_run(support, thread_id=create_thread(support.id).id), 50, held="true")
    copy_run(set_up_run(sales), 50)
    set_cap(workspace_subject(sales.id), slots=2)
    bells()
    make_worker(slots=100)
    sweep_runs()
    assert len(bells()) == 3
    assert claim() is not None
    assert claim() is not None
    sweep_runs()
    assert len(bells()) == 1
