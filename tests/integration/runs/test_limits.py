"""Ceilings that code of one's own hands in: what is none is refused, and nothing is written."""

import math
from typing import Any

import pytest

from apps.runs.exceptions import InvalidRunInput
from apps.runs.limits import Limits
from apps.runs.models import Run
from apps.runs.services import resume_run
from apps.runs.states import RunStatus
from tests.integration.runs.world import counts, finish, make_agent, set_up_run

NONE: dict[str, dict[str, Any]] = {
    "steps": {"steps": -1},
    "tokens": {"tokens": -1},
    "usd": {"usd": math.nan},
    "infinity": {"seconds": math.inf},
    "seconds": {"seconds": -0.5},
    "truth": {"seconds": True},
    "words": {"tokens": "many"},
    "more than is booked": {"tokens": 10**30},
    "more than is paid": {"usd": 10**9},
    "more than a float": {"seconds": 10**400},
}


def named(values: dict[str, Any]) -> Limits:
    return Limits(**values)


@pytest.mark.parametrize("limits", [*map(named, NONE.values())], ids=NONE)
def test_what_is_no_ceiling_is_refused(support, limits):
    make_agent(support)
    with pytest.raises(InvalidRunInput) as caught:
        set_up_run(support, limits=limits)
    assert caught.value.errors[0].code == "out_of_range"
    assert counts() == {"Run": 0, "Event": 0}


@pytest.mark.parametrize("limits", [*map(named, NONE.values())], ids=NONE)
def test_nor_does_a_run_go_on_with_one(support, limits):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    with pytest.raises(InvalidRunInput):
        resume_run(support.id, run.id, limits=limits)
    assert Run.objects.get().status == "failed"


def test_zero_is_a_ceiling(support):
    run = set_up_run(support, limits=Limits(tokens=0, seconds=0.0))
    assert (run.limits["tokens"], run.limits["seconds"]) == (0, 0.0)
