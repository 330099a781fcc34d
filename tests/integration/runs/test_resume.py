"""A failed run goes on after its last recorded step."""

import pytest

from apps.core.ids import new_id
from apps.runs.exceptions import RunNotFound, RunNotResumable, ThreadBusy
from apps.runs.limits import Limits
from apps.runs.models import Run, Step
from apps.runs.services import RunRequest, cancel_run, create_run, create_thread, resume_run
from apps.runs.states import RunStatus
from tests.integration.runs.world import bells, claim, finish, history, make_agent, record, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)


def fail(run: Run) -> None:
    """After one recorded step, with traces of everything that a new try must not inherit."""
    claimed = claim()
    assert claimed is not None
    assert claimed["id"] == run.id
    record(run.id, claimed["lease_epoch"])
    finish(run, RunStatus.FAILED)


def test_it_works(support):
    run = set_up_run(support, limits=Limits(seconds=60))
    fail(run)
    Run.objects.filter(id=run.id).update(crashes=3)
    bells()
    resumed = resume_run(support.id, run.id)
    assert (resumed.status, resumed.stop_reason, resumed.error_code, resumed.error_detail) == ("queued", "", "", "")
    assert (resumed.crashes, resumed.deadline_at, resumed.finished_at, resumed.announced_at) == (0, None, None, None)
    assert (resumed.attempt, resumed.lease_epoch, resumed.step_count) == (1, 1, 1)
    assert history(run.id) == ["run.queued", "run.started", "step.recorded", "run.failed", "run.resumed"]
    assert bells() == [str(run.id)]
    again = claim()
    assert again is not None
    assert (again["id"], again["lease_epoch"], again["attempt"]) == (run.id, 2, 2)
    assert 59 < again["seconds_left"] <= 60
    assert Step.objects.filter(run_id=run.id).count() == 1


def test_an_old_cancel_request_is_forgotten(support):
    run = set_up_run(support)
    claim()
    cancel_run(support.id, run.id)
    finish(run, RunStatus.FAILED)
    assert resume_run(support.id, run.id).cancel_requested_at is None


def test_limits_are_replaced(support):
    make_agent(support, limits={"steps": 3, "usd": 0.5})
    run = create_run(support.id, RunRequest(agent="docs", input="x"))
    fail(run)
    assert resume_run(support.id, run.id, limits=Limits(steps=30)).limits == {"steps": 30}


def test_limits_stay_when_none_are_given(support):
    run = set_up_run(support, limits=Limits(steps=7))
    fail(run)
    assert resume_run(support.id, run.id).limits == {"steps": 7}


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.FAILED}))
def test_only_a_failed_run_can_be_resumed(support, status):
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(status=status)
    with pytest.raises(RunNotResumable) as refused:
        resume_run(support.id, run.id, limits=Limits(steps=1))
    run.refresh_from_db()
    assert (refused.value.code, run.status, run.limits) == ("run_not_resumable", status, {"steps": 50})
    assert history(run.id) == ["run.queued"]


def test_another_workspaces_run_is_not_there(support, sales):
    run = set_up_run(sales)
    fail(run)
    for run_id in (run.id, new_id()):
        with pytest.raises(RunNotFound):
            resume_run(support.id, run_id)
    assert Run.objects.get(id=run.id).status == RunStatus.FAILED


def test_a_thread_that_went_on_meanwhile(support):
    make_agent(support)
    thread = create_thread(support.id)
    request = RunRequest(agent="docs", input="x", thread_id=thread.id)
    run = create_run(support.id, request)
    fail(run)
    create_run(support.id, request)
    bells()
    with pytest.raises(ThreadBusy) as refused:
        resume_run(support.id, run.id, limits=Limits(steps=1))
    run.refresh_from_db()
    assert (refused.value.code, run.status, run.limits) == ("thread_busy", "failed", {"steps": 50})
    assert (history(run.id)[-1], bells()) == ("run.failed", [])


def test_two_at_once_are_one(support):
    for _ in range(20):
        run = set_up_run(support)
        fail(run)
        outcomes = together(*[lambda run=run: resume_run(support.id, run.id)] * 2)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Run", "RunNotResumable"]
        assert history(run.id).count("run.resumed") == 1
        cancel_run(support.id, run.id)
