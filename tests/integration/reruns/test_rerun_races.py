"""Reruns beside other reruns, beside an erasure, and of runs that have not ended."""

from collections.abc import Callable
from threading import Thread as OsThread
from typing import Any

import pytest
from django.db import connection, transaction

from apps.runs.exceptions import RunNotFound
from apps.runs.models import Event, Run, Step
from apps.runs.services import erase_run, rerun
from tests.integration.accounts.people import make_workspace
from tests.integration.runs.world import claim, finish, history, record, set_up_run, together
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

WAITS_FOR_US = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def support(transactional_db: None):
    return make_workspace("support")


def worked(workspace, *, ended: bool = True) -> Run:
    """Model, tool, model."""
    run = set_up_run(workspace)
    epoch = claim()["lease_epoch"]
    record(run.id, epoch, key="1/agent__model.request/0")
    record(run.id, epoch, key="1/pay/0", kind="tool", name="pay")
    record(run.id, epoch, key="2/agent__model.request/0")
    if ended:
        finish(run, epoch=epoch)
    return Run.objects.get(id=run.id)


def rows(run: Run) -> list[dict[str, Any]]:
    return list(Step.objects.filter(run=run).order_by("n").values())


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITS_FOR_US)
        return int(cursor.fetchone()[0])


def behind(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """What the second gives or raises when it came while the first had not committed."""
    told: list[Any] = []
    thread = OsThread(target=lambda: told.extend(together(second)))
    with transaction.atomic():
        first()
        thread.start()
        eventually(lambda: waiting() == 1)
        assert told == []
    thread.join(timeout=10)
    return told


def test_two_at_once(support):
    original = worked(support)
    before = (Run.objects.values().get(id=original.id), rows(original), history(original.id))
    first, second = together(*[lambda: rerun(support.id, original.id, from_step=3)] * 2)
    assert first.id != second.id
    for new in (first, second):
        assert (new.rerun_of_id, new.rerun_from, new.step_count, new.status) == (original.id, 3, 2, "queued")
        kept = [row | {"run_id": new.id, "epoch": 0} for row in before[1][:2]]
        spent = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0}
        assert rows(new) == [row | spent for row in kept]
        assert history(new.id) == ["run.queued"]
    assert (Run.objects.values().get(id=original.id), rows(original), history(original.id)) == before
    assert {claim()["id"], claim()["id"]} == {first.id, second.id}
    assert claim() is None


def test_behind_an_erasure_there_is_nothing_left_to_run_again(support):
    original = worked(support)
    [told] = behind(lambda: erase_run(support.id, original.id), lambda: rerun(support.id, original.id, from_step=3))
    assert isinstance(told, RunNotFound)
    assert (Run.objects.count(), Step.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_an_erasure_behind_a_rerun_leaves_it_whole(support):
    original = worked(support)
    [told] = behind(lambda: rerun(support.id, original.id, from_step=3), lambda: erase_run(support.id, original.id))
    assert told is None
    new = Run.objects.get()
    assert (new.rerun_of_id, new.rerun_from, new.status) == (None, 3, "queued")
    assert [(row["n"], row["epoch"]) for row in rows(new)] == [(1, 0), (2, 0)]
    assert claim()["id"] == new.id


def test_whoever_comes_first(support):
    original = worked(support)
    _, told = together(lambda: erase_run(support.id, original.id), lambda: rerun(support.id, original.id, from_step=3))
    assert not Run.objects.filter(id=original.id).exists()
    if isinstance(told, RunNotFound):
        assert Run.objects.count() == 0
    else:
        assert [row["n"] for row in rows(told)] == [1, 2]


def test_of_a_running_run_what_it_has_recorded_is_reused_and_it_goes_on(support):
    original = worked(support, ended=False)
    new = rerun(support.id, original.id, from_step=3)
    assert [row["n"] for row in rows(new)] == [1, 2]
    assert record(original.id, original.lease_epoch, key="2/pay/0", kind="tool", name="pay")["step_count"] == 4
    finish(original, epoch=original.lease_epoch)
    assert (Run.objects.get(id=original.id).status, len(rows(original))) == ("succeeded", 4)
    assert (Run.objects.get(id=new.id).status, len(rows(new))) == ("queued", 2)


def test_while_the_original_records(support):
    """Whatever comes first: the rerun has the steps before its beginning, and the original loses none."""
    original = worked(support, ended=False)
    recorded, new = together(
        lambda: record(original.id, original.lease_epoch, key="2/pay/0", kind="tool", name="pay"),
        lambda: rerun(support.id, original.id, from_step=3),
    )
    assert recorded["step_count"] == 4
    assert [row["n"] for row in rows(new)] == [1, 2]
    assert [row["n"] for row in rows(original)] == [1, 2, 3, 4]
