"""Who wants to hear that a run has ended is called after its end is committed, until the call has succeeded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.hooks import run_finished
from apps.runs.models import Run
from apps.runs.services import cancel_run, resume_run
from apps.runs.services.announce import announce_run
from apps.runs.statements import CLAIM, CLAIM_QUARANTINED
from apps.runs.states import RunStatus
from tests.integration.runs.world import claim, end_lease, finish, make_worker, one, set_up_run
from workers.ops.sweeping import announce_finished, sweep_runs


@contextmanager
def receiver(hear: Callable[..., Any]) -> Iterator[None]:
    run_finished.connect(hear, weak=False)
    try:
        yield
    finally:
        run_finished.disconnect(hear)


@pytest.fixture
def heard() -> Iterator[list[tuple[UUID, str]]]:
    calls: list[tuple[UUID, str]] = []
    with receiver(lambda run_id, status, **_: calls.append((run_id, status))):
        yield calls


def announced(run: Run) -> bool:
    return Run.objects.get(id=run.id).announced_at is not None


def a_minute_later(run: Run) -> None:
    Run.objects.filter(id=run.id).update(next_wake_at=F("next_wake_at") - timedelta(minutes=1))


def test_it_works(support, heard):
    run = set_up_run(support)
    finish(run)
    assert (announced(run), heard) == (False, [])
    assert announce_run(run.id, RunStatus.SUCCEEDED) is True
    assert (announced(run), heard) == (True, [(run.id, "succeeded")])


def test_nobody_listens(support):
    run = set_up_run(support)
    finish(run)
    assert announced(run)
    assert announce_finished() == 0


def test_the_sweeper_calls_again_after_a_failure(support):
    run, calls = set_up_run(support), []

    def fails_twice(run_id: UUID, status: str, **_: Any) -> None:
        calls.append((run_id, status))
        if len(calls) <= 2:
            raise ConnectionError("The ticket system is away.")

    with receiver(fails_twice):
        finish(run, RunStatus.FAILED)
        assert announce_run(run.id, RunStatus.FAILED) is False
        assert (announce_finished(), len(calls)) == (0, 1)
        a_minute_later(run)
        assert (announce_finished(), announced(run)) == (0, False)
        a_minute_later(run)
        assert (announce_finished(), announced(run)) == (1, True)
        assert announce_finished() == 0
    assert calls == [(run.id, "failed")] * 3


def test_the_pauses_between_two_calls_double(support):
    run, pauses = set_up_run(support), []

    def fails(**_: Any) -> None:
        raise ValueError("no")

    with receiver(fails):
        finish(run)
        for age in (0, 30, 300, 7200):
            Run.objects.filter(id=run.id).update(finished_at=Now() - timedelta(seconds=age), next_wake_at=None)
            announce_run(run.id, RunStatus.SUCCEEDED)
            pauses.append(Run.objects.annotate(pause=F("next_wake_at") - Now()).get(id=run.id).pause.total_seconds())
    assert pauses == pytest.approx([60, 60, 300, 7200], abs=5)


def test_one_failing_receiver_keeps_no_other_from_hearing(support, heard):
    def fails(**_: Any) -> None:
        raise ValueError("no")

    with receiver(fails):
        run = set_up_run(support)
        finish(run)
        assert announce_finished() == 0
    assert heard == [(run.id, "succeeded")]
    assert not announced(run)


def test_one_failing_run_keeps_no_other_from_being_announced(support):
    bad, good = set_up_run(support), set_up_run(support)

    def fails_for_one(run_id: UUID, **_: Any) -> None:
        if run_id == bad.id:
            raise ValueError("no")

    with receiver(fails_for_one):
        finish(bad)
        finish(good)
        assert announce_finished() == 1
        assert (announced(bad), announced(good)) == (False, True)


def test_a_hundred_that_fail_for_ever_do_not_hide_the_next_one(support):
    bad = [set_up_run(support) for _ in range(100)]
    ids = {run.id for run in bad}

    def fails_for_many(run_id: UUID, **_: Any) -> None:
        if run_id in ids:
            raise ValueError("no")

    with receiver(fails_for_many):
        for run in bad:
            finish(run)
        good = set_up_run(support)
        finish(good)
        assert [announce_finished() for _ in range(3)] == [0, 1, 0]
        assert announced(good)


def test_a_hook_that_failed_does_not_delay_the_runs_resumption(support):
    def fails(**_: Any) -> None:
        raise ValueError("no")

    run = set_up_run(support)
    with receiver(fails):
        finish(run, RunStatus.FAILED)
        announce_finished()
    resume_run(support.id, run.id)
    claimed = claim()
    assert claimed is not None
    assert claimed["id"] == run.id


def test_a_queued_run_that_is_cancelled_is_announced_by_the_sweeper(support, heard):
    run = set_up_run(support)
    cancel_run(support.id, run.id)
    assert heard == []
    assert announce_finished() == 1
    assert heard == [(run.id, "cancelled")]


def test_a_poisoned_run_is_announced_by_the_sweeper(support, heard):
    run = set_up_run(support)
    for statement in (CLAIM, CLAIM, CLAIM_QUARANTINED):
        worker = make_worker()
        assert one(statement, {"worker": worker, "after": UUID(int=0)}) is not None
        end_lease(worker)
        sweep_runs()
    assert Run.objects.get(id=run.id).stop_reason == "poison"
    announce_finished()
    assert heard == [(run.id, "failed")]


def test_a_resumed_run_is_announced_again_when_it_ends_again(support, heard):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    announce_finished()
    resume_run(support.id, run.id)
    assert announce_finished() == 0
    finish(run)
    announce_finished()
    assert heard == [(run.id, "failed"), (run.id, "succeeded")]


def test_nobody_calls_the_hooks_while_they_are_being_called(support):
    heard_meanwhile: list[int] = []

    def takes_its_time(**_: Any) -> None:
        heard_meanwhile.append(announce_finished())

    run = set_up_run(support)
    with receiver(takes_its_time):
        finish(run)
        assert announce_run(run.id, RunStatus.SUCCEEDED) is True
    assert heard_meanwhile == [0]
    assert announced(run)


def test_a_hook_that_would_end_the_process_only_fails(support):
    def ends(**_: Any) -> None:
        raise SystemExit(3)

    run = set_up_run(support)
    with receiver(ends):
        finish(run)
        assert announce_run(run.id, RunStatus.SUCCEEDED) is False
    assert not announced(run)


def test_a_run_that_was_resumed_meanwhile_is_not_announced(support):
    def resumes(run_id: UUID, **_: Any) -> None:
        resume_run(support.id, run_id)

    run = set_up_run(support)
    with receiver(resumes):
        finish(run, RunStatus.FAILED)
        announce_run(run.id, RunStatus.FAILED)
    run.refresh_from_db()
    assert (run.status, run.announced_at, run.next_wake_at) == ("queued", None, None)
