"""How far a batch is, told as one row."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.runs.batches import Progress, batch_json, get_batch, progress_of
from apps.runs.exceptions import BatchNotFound
from apps.runs.models import Run
from apps.runs.services import RunRequest, erase_run
from apps.runs.services.batch import create_batch
from apps.runs.states import RunStatus
from tests.integration.runs.world import claim, finish, make_agent, record

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def submit(workspace, count: int):
    return create_batch(workspace.id, [RunRequest(agent="docs", input=n) for n in range(count)])


def test_it_works(support):
    make_agent(support)
    accepted = submit(support, 5)
    for run_id in accepted.run_ids[:2]:
        claim()
        record(run_id, 1)
        finish(Run.objects.get(id=run_id), RunStatus.SUCCEEDED if run_id == accepted.run_ids[0] else RunStatus.FAILED)
    claim()
    told = batch_json(accepted.batch, progress_of([accepted.batch.id])[accepted.batch.id])
    first = Run.objects.get(id=accepted.run_ids[0])
    assert (told["total"], told["ended"]) == (5, 2)
    assert told["counts"] == {
        "queued": 2, "running": 1, "waiting": 0, "succeeded": 1, "failed": 1, "cancelled": 0, "erased": 0,
    }  # fmt: skip
    assert told["usage"] == {
        "steps": 2, "model_calls": 2, "input_tokens": 6, "output_tokens": 8, "cost_usd": "0.00001",
    }  # fmt: skip
    assert (told["started_at"], told["finished_at"]) == (first.started_at, None)
    assert told["eta"] > told["started_at"]


def test_when_all_have_ended(support):
    make_agent(support)
    accepted = submit(support, 2)
    for run in Run.objects.all():
        finish(run)
    told = batch_json(accepted.batch, progress_of([accepted.batch.id])[accepted.batch.id])
    assert (told["ended"], told["eta"]) == (2, None)
    assert told["finished_at"] == max(Run.objects.values_list("finished_at", flat=True))


def test_erased_runs_are_told_apart(support):
    make_agent(support)
    accepted = submit(support, 2)
    finish(Run.objects.get(id=accepted.run_ids[0]))
    erase_run(support.id, accepted.run_ids[0])
    told = batch_json(accepted.batch, progress_of([accepted.batch.id])[accepted.batch.id])
    assert (told["counts"]["erased"], told["counts"]["queued"], told["total"]) == (1, 1, 2)


def test_many_batches_in_one_query(support, django_assert_num_queries):
    make_agent(support)
    ids = [submit(support, 3).batch.id for _ in range(4)]
    with django_assert_num_queries(1):
        found = progress_of(ids)
    assert [found[batch_id].counts["queued"] for batch_id in ids] == [3] * 4


def test_another_workspaces_batch(support, sales):
    make_agent(support)
    batch = submit(support, 1).batch
    with pytest.raises(BatchNotFound):
        get_batch(sales.id, batch.id)


def progress(**counts: int) -> Progress:
    found = Progress(cost_usd=Decimal(0), started_at=NOW - timedelta(minutes=2))
    found.counts |= counts
    return found


@pytest.mark.parametrize(
    ("counts", "left"),
    [
        ({"succeeded": 2, "queued": 3, "running": 1}, timedelta(minutes=4)),
        ({"failed": 1, "queued": 1}, timedelta(minutes=2)),
        ({"queued": 5, "running": 5}, None),
        ({"cancelled": 3, "queued": 3}, None),
        ({"succeeded": 5}, None),
        ({"succeeded": 5, "running": 1, "waiting": 1}, None),
    ],
)
def test_when_it_will_be_done(counts, left):
    assert progress(**counts).eta(NOW) == (None if left is None else NOW + left)
