"""Taking the next runnable run: the oldest, once, and only with a live lease."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.limits import Limits
from apps.runs.models import Event, Run
from apps.runs.services import cancel_run
from apps.runs.statements import CLAIM
from apps.runs.states import RunStatus
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import claim, end_lease, history, make_worker, one, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(support, send):
    run = set_up_run(support, input={"q": "a\x00b"}, limits=Limits(steps=9, seconds=30))
    worker = make_worker()
    claimed = send(CLAIM, {"worker": worker, "after": UUID(int=0)})
    left = claimed.pop("seconds_left")
    assert 29 < left <= 30
    assert canonical.load(claimed.pop("input")) == {"q": "a\x00b"}
    if isinstance(claimed["limits"], str):  # Django's cursor leaves jsonb to its fields
        claimed |= {
            name: canonical.load(claimed[name].encode()) for name in ("limits", "attachments", "context_versions")
        }
    assert claimed == {
        "id": run.id,
        "workspace_id": support.id,
        "agent_version_id": run.agent_version_id,
        "thread_id": None,
        "lease_epoch": 1,
        "attempt": 1,
        "streaming": False,
        "attachments": [],
        "limits": {"steps": 9, "seconds": 30.0},
        "context_versions": {},
        "step_count": 0,
        "model_calls": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": 0,
        "event_seq": 2,
        "quarantined": False,
        "capped": False,
        "account_ids": [],
        "budgeted": False,
        "parent_id": None,
        "cancel_requested": False,
    }
    run.refresh_from_db()
    assert (run.status, run.worker_id, run.lease_epoch, run.event_seq) == ("running", worker, 1, 2)
    assert run.started_at is not None
    assert history(run.id) == ["run.queued", "run.started"]
    assert canonical.load(Event.objects.get(run_id=run.id, seq=2).data) == {"attempt": 1}


def test_the_oldest_first(support):
    runs = [set_up_run(support).id for _ in range(5)]
    worker = make_worker()
    assert [row["id"] if (row := claim(worker)) else None for _ in range(6)] == [*runs, None]


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.QUEUED}))
def test_only_a_queued_run(support, status):
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(status=status)
    assert claim() is None
    assert history(run.id) == ["run.queued"]


def test_without_a_live_lease_nothing_is_taken(support):
    run = set_up_run(support)
    expired = make_worker(seconds=-1)
    ended = make_worker()
    end_lease(ended)
    for worker in (expired, ended, new_id(), None):
        assert one(CLAIM, {"worker": worker, "after": UUID(int=0)}) is None
    run.refresh_from_db()
    assert (run.status, run.lease_epoch, history(run.id)) == ("queued", 0, ["run.queued"])


def test_the_deadline_counts_from_the_first_start(support):
    run = set_up_run(support, limits=Limits(seconds=30))
    claim()
    first = Run.objects.get(id=run.id)
    Run.objects.filter(id=run.id).update(status="queued", deadline_at=first.deadline_at - timedelta(seconds=20))
    again = claim()
    assert again is not None
    assert 9 < again["seconds_left"] <= 10
    assert Run.objects.get(id=run.id).started_at == first.started_at


def test_a_cancel_that_was_requested_is_told(support):
    run = set_up_run(support)
    claim()
    cancel_run(support.id, run.id)
    Run.objects.filter(id=run.id).update(status="queued")
    again = claim()
    assert again is not None
    assert (again["cancel_requested"], again["lease_epoch"], again["attempt"]) == (True, 2, 2)


def test_many_at_once_take_each_run_once(support):
    runs = [set_up_run(support).id for _ in range(60)]
    worker = make_worker()

    def take_all() -> list[UUID]:
        taken = []
        while row := claim(worker):
            taken.append(row["id"])
        return taken

    taken = together(*[take_all] * 6)
    assert Counter(run for some in taken for run in some) == Counter(runs)
    assert set(Run.objects.values_list("lease_epoch", "attempt", "status")) == {(1, 1, "running")}
    assert Event.objects.filter(type="run.started").count() == 60


def test_a_run_that_another_transaction_holds_is_passed_over(support):
    """SKIP LOCKED: nobody queues behind a row that is being changed."""
    first, second = set_up_run(support), set_up_run(support)
    with transaction.atomic():
        Run.objects.select_for_update().get(id=first.id)
        (row,) = together(claim)
        assert row["id"] == second.id
    row = claim()
    assert row is not None
    assert row["id"] == first.id
