"""A paused intake refuses new runs; what was accepted goes on."""

import pytest

from apps.accounts.services import pause_intake, resume_intake
from apps.runs.exceptions import IntakePaused
from apps.runs.models import Run
from apps.runs.services import RunRequest, cancel_run, create_run, resume_run
from apps.runs.states import RunStatus
from tests.integration.runs.world import bells, claim, counts, finish, make_agent, set_up_run

HELLO = RunRequest(agent="docs", input="Hello?")


@pytest.mark.parametrize("everywhere", [True, False])
def test_it_works(support, everywhere):
    make_agent(support)
    pause_intake(None if everywhere else support)
    with pytest.raises(IntakePaused) as refused:
        create_run(support.id, HELLO)
    assert (refused.value.code, refused.value.retry_after) == ("intake_paused", 30.0)
    assert (counts(), bells()) == ({"Run": 0, "Event": 0}, [])
    resume_intake(None if everywhere else support)
    assert create_run(support.id, HELLO).status == RunStatus.QUEUED


def test_another_workspace_is_not_paused(support, sales):
    make_agent(sales)
    pause_intake(support)
    assert create_run(sales.id, HELLO).status == RunStatus.QUEUED


def test_a_workspace_stays_paused_when_the_platform_resumes(support):
    make_agent(support)
    pause_intake()
    pause_intake(support)
    resume_intake()
    with pytest.raises(IntakePaused):
        create_run(support.id, HELLO)


def test_accepted_work_goes_on(support):
    queued, failed = set_up_run(support), set_up_run(support)
    finish(failed, RunStatus.FAILED)
    pause_intake()
    claimed = claim()
    assert claimed is not None
    assert claimed["id"] == queued.id
    assert resume_run(support.id, failed.id).status == RunStatus.QUEUED
    assert cancel_run(support.id, failed.id).status == RunStatus.CANCELLED
    assert Run.objects.count() == 2
