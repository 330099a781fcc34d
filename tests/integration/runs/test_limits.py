"""Ceilings that code of one's own hands in: what is none is refused, and nothing is written."""

import math

import pytest

from apps.runs.exceptions import InvalidRunInput
from apps.runs.limits import Limits
from apps.runs.models import Run
from apps.runs.services import resume_run
from apps.runs.states import RunStatus
from tests.integration.runs.world import counts, finish, make_agent, set_up_run

NONE = [Limits(steps=-1), Limits(tokens=-1), Limits(usd=math.nan), Limits(seconds=math.inf), Limits(seconds=-0.5)]


@pytest.mark.parametrize("limits", NONE, ids=["steps", "tokens", "usd", "infinity", "seconds"])
def test_what_is_no_ceiling_is_refused(support, limits):
    make_agent(support)
    with pytest.raises(InvalidRunInput) as caught:
        set_up_run(support, limits=limits)
    assert caught.value.errors[0].code == "out_of_range"
    assert counts() == {"Run": 0, "Event": 0}


@pytest.mark.parametrize("limits", NONE, ids=["steps", "tokens", "usd", "infinity", "seconds"])
def test_nor_does_a_run_go_on_with_one(support, limits):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    with pytest.raises(InvalidRunInput):
        resume_run(support.id, run.id, limits=limits)
    assert Run.objects.get().status == "failed"


def test_zero_is_a_ceiling(support):
    run = set_up_run(support, limits=Limits(tokens=0, seconds=0.0))
    assert (run.limits["tokens"], run.limits["seconds"]) == (0, 0.0)
