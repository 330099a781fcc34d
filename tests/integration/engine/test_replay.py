"""A journal that does not fit the code ends the run, and nothing is executed on top of it."""

import pytest

from apps.runs.limits import Limits
from apps.runs.models import Run, Step
from apps.runs.services import RunRequest, create_run, resume_run
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, outcome, output, steps
from tests.integration.runs.world import make_agent

SCRIPT = [
    {"tool_calls": [{"name": "double", "args": {"x": 1}, "id": "a"}]},
    {"tool_calls": [{"name": "double", "args": {"x": 2}, "id": "b"}]},
    {"text": "Done."},
]


@pytest.fixture
def stopped(support, tools, host) -> Run:
    """After four of five steps, for want of budget."""
    make_agent(support, SCRIPT, tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(steps=4)))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    toolbox.calls.clear()
    return run


def test_it_works(stopped, support):
    resume_run(support.id, stopped.id, limits=Limits(steps=9))
    ended(stopped)
    assert (stopped.status, output(stopped), toolbox.calls) == ("succeeded", "Done.", {})
    assert [epoch for _, _, epoch in steps(stopped)] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_step_that_was_asked_something_else(stopped, support, n):
    Step.objects.filter(run_id=stopped.id, n=n).update(digest=bytes(32))
    before = list(Step.objects.values_list("n", "key", "digest"))
    resume_run(support.id, stopped.id, limits=Limits(steps=9))
    assert outcome(stopped) == ("failed", "replay_mismatch", "replay_mismatch")
    assert (toolbox.calls, list(Step.objects.values_list("n", "key", "digest"))) == ({}, before)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_step_that_is_missing_before_later_ones(stopped, support, n):
    Step.objects.filter(run_id=stopped.id, n=n).delete()
    resume_run(support.id, stopped.id, limits=Limits(steps=9))
    assert outcome(stopped) == ("failed", "replay_mismatch", "replay_mismatch")
    assert (toolbox.calls, Step.objects.count()) == ({}, 3)


def test_a_step_under_another_name(stopped, support):
    Step.objects.filter(run_id=stopped.id, n=1).update(key="1/renamed__model.request/0")
    resume_run(support.id, stopped.id, limits=Limits(steps=9))
    assert outcome(stopped) == ("failed", "replay_mismatch", "replay_mismatch")
    assert toolbox.calls == {}


def test_the_last_step_may_be_missing(stopped, support):
    """As after a crash before its record: it is made again, and only it."""
    Step.objects.filter(run_id=stopped.id, n=4).delete()
    Run.objects.filter(id=stopped.id).update(step_count=3)
    resume_run(support.id, stopped.id, limits=Limits(steps=9))
    ended(stopped)
    assert (stopped.status, output(stopped), toolbox.calls) == ("succeeded", "Done.", {"double 2": 1})
