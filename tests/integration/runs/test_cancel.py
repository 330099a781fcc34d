"""Stopping a run: at once while nobody works on it, else by a request that its worker sees."""

import pytest
from django.conf import settings
from django.db import transaction
from redis import Redis

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.exceptions import IllegalTransition, RunFinished, RunNotFound
from apps.runs.live import shard_key
from apps.runs.models import Event, Run
from apps.runs.services import Origin, cancel_run
from apps.runs.states import EventType, RunStatus
from apps.runs.transitions import Move, apply_move
from tests.integration.runs.world import claim, finish, history, make_worker, record, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_works(support, alice):
    run = set_up_run(support)
    cancelled = cancel_run(support.id, run.id, origin=Origin(kind="user", id=alice.id))
    assert (cancelled.status, cancelled.stop_reason, cancelled.worker_id) == ("cancelled", "cancelled_by", None)
    assert cancelled.finished_at is not None
    assert history(run.id) == ["run.queued", "run.cancelled"]
    event = Event.objects.get(run_id=run.id, seq=2)
    assert canonical.load(event.data) == {"by": "user", "id": str(alice.id)}
    assert claim() is None


def test_a_waiting_run_is_cancelled_at_once(support):
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(status=RunStatus.WAITING)
    assert cancel_run(support.id, run.id).status == RunStatus.CANCELLED


def test_a_running_run_is_asked_to_stop(support):
    run = set_up_run(support)
    claim()
    asked = cancel_run(support.id, run.id)
    assert (asked.status, asked.stop_reason, asked.finished_at) == ("running", "", None)
    assert asked.cancel_requested_at is not None
    assert history(run.id) == ["run.queued", "run.started", "run.cancel_requested"]
    receipt = record(run.id, epoch=1)
    assert receipt == {"step_count": 1, "event_seq": 4, "cancel_requested": True, "budgeted": False}


def test_twice_is_once(support):
    idle, running = set_up_run(support), set_up_run(support)
    cancel_run(support.id, idle.id)
    claim()
    first = cancel_run(support.id, running.id).cancel_requested_at
    assert cancel_run(support.id, running.id).cancel_requested_at == first
    assert cancel_run(support.id, idle.id).status == RunStatus.CANCELLED
    assert history(running.id) == ["run.queued", "run.started", "run.cancel_requested"]
    assert history(idle.id) == ["run.queued", "run.cancelled"]


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.FAILED])
def test_a_finished_run_cannot_be_cancelled(support, status):
    run = set_up_run(support)
    finish(run, status)
    before = history(run.id)
    with pytest.raises(RunFinished) as refused:
        cancel_run(support.id, run.id)
    assert (refused.value.code, history(run.id)) == ("run_finished", before)
    assert Run.objects.get(id=run.id).cancel_requested_at is None


def test_another_workspaces_run_is_not_there(support, sales):
    run = set_up_run(sales)
    for run_id in (run.id, new_id()):
        with pytest.raises(RunNotFound):
            cancel_run(support.id, run_id)
    assert history(run.id) == ["run.queued"]


def test_a_cancel_that_races_with_a_claim_is_never_lost(support):
    """Whoever is quicker: the run is cancelled while queued, or its worker has been asked."""
    worker = make_worker()
    outcomes = set()
    for _ in range(30):
        run = set_up_run(support)
        together(lambda run=run: cancel_run(support.id, run.id), lambda: claim(worker))
        run.refresh_from_db()
        if run.status == RunStatus.CANCELLED:
            assert history(run.id) == ["run.queued", "run.cancelled"]
        else:
            assert (run.status, run.cancel_requested_at is not None) == ("running", True)
            assert history(run.id) == ["run.queued", "run.started", "run.cancel_requested"]
            finish(run)
        outcomes.add(run.status)
    assert outcomes <= {"cancelled", "running"}


@pytest.mark.parametrize("running", [True, False])
def test_readers_are_told_after_the_commit(support, running):
    """Told before, they would look, find nothing, and wait for the next news."""
    run = set_up_run(support)
    if running:
        claim()
    redis, stream = Redis.from_url(settings.REDIS_URL), shard_key(run.id)
    told = redis.xlen(stream)
    with transaction.atomic():
        cancel_run(support.id, run.id)
        assert redis.xlen(stream) == told
    assert redis.xlen(stream) == told + 1


def test_two_cancels_at_once_are_one(support):
    for _ in range(20):
        run = set_up_run(support)
        claim()
        together(*[lambda run=run: cancel_run(support.id, run.id)] * 2)
        assert history(run.id) == ["run.queued", "run.started", "run.cancel_requested"]
        finish(run)


@pytest.mark.parametrize(
    ("to", "event"), [(RunStatus.WAITING, EventType.WAITING), (RunStatus.QUEUED, EventType.RELEASED)]
)
def test_a_run_that_is_to_stop_neither_begins_to_wait_nor_is_given_back(support, to, event):
    """Its worker may not have seen the request yet, and nobody would see it for a while."""
    run = set_up_run(support)
    claim()
    cancel_run(support.id, run.id)
    with pytest.raises(IllegalTransition):
        apply_move(Move(run_id=run.id, to=to, event=event, epoch=1))
    assert Run.objects.get(id=run.id).status == "running"
