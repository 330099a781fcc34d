"""Ceilings: no call is made past one, and the clock ends a run that hangs."""

from decimal import Decimal

import pytest
from django.db import connection

from apps.runs.limits import Limits
from apps.runs.models import Effect, Run
from apps.runs.services import RunRequest, create_run, resume_run
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, outcome, output, steps
from tests.integration.runs.world import make_agent, make_model
from tests.waiting import eventually

ENDLESS = {
    "turns": [
        {
            "tool_calls": [{"name": "double", "args": {"x": 1}}],
            "usage": {"input_tokens": 100, "output_tokens": 10},
        }
    ],
    "repeat_last": True,
}


def submit(workspace, script=ENDLESS, limits: Limits | None = None) -> Run:
    model = make_model(workspace, script, input_price=Decimal(1000), output_price=Decimal(1000))
    make_agent(workspace, model=str(model), tools=[{"name": "double"}])
    return create_run(workspace.id, RunRequest(agent="docs", input="go", limits=limits or Limits()))


@pytest.mark.parametrize(
    ("limits", "made"),
    [
        (Limits(steps=1), 1),
        (Limits(steps=2), 2),
        (Limits(steps=5), 5),
        (Limits(tokens=1), 0),
        (Limits(tokens=110), 0),
        (Limits(tokens=300), 2),
        (Limits(tokens=410), 4),
        (Limits(usd=0.11), 0),
        (Limits(usd=0.3), 2),
        (Limits(usd=0.000001), 0),
    ],
)
def test_no_call_past_a_ceiling(support, tools, host, limits, made):
    run = submit(support, limits=limits)
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert (run.step_count, len(steps(run))) == (made, made)
    assert sum(toolbox.calls.values()) == made // 2
    assert run.error_detail.startswith(("The run has ", "The next model call "))


def test_the_agents_own_ceiling_holds_without_the_callers(support, tools, host):
    make_agent(support, ENDLESS, tools=[{"name": "double"}], limits={"steps": 3})
    run = create_run(support.id, RunRequest(agent="docs", input="go"))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert run.step_count == 3


def test_a_run_goes_on_with_new_limits(support, tools, host):
    script = [ENDLESS["turns"][0], {"text": "Done."}]
    run = submit(support, script, Limits(steps=1))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    resume_run(support.id, run.id, limits=Limits(steps=9))
    ended(run)
    assert (run.status, output(run), run.step_count) == ("succeeded", "Done.", 3)
    assert [epoch for _, _, epoch in steps(run)] == [1, 2, 2]


def test_what_earlier_attempts_spent_counts(support, tools, host):
    run = submit(support, limits=Limits(tokens=300))
    ended(run)
    resume_run(support.id, run.id, limits=Limits(tokens=480))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert (run.model_calls, run.input_tokens + run.output_tokens) == (2, 220)


@pytest.mark.parametrize("streaming", [True, False])
def test_the_clock_ends_a_hanging_model_call(support, host, streaming):
    make_agent(support, [{"hang": True}], streaming=streaming)
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(seconds=1)))
    assert outcome(run) == ("failed", "deadline", "deadline")
    assert 0.9 < (run.finished_at - run.started_at).total_seconds() < 4
    assert (run.error_detail, run.step_count) == ("The run's seconds are over.", 0)


def test_the_clock_ends_a_slow_tool(support, tools, host):
    make_agent(support, [{"tool_calls": [{"name": "wait"}]}, {"text": "never"}], tools=[{"name": "wait"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(seconds=1)))
    assert outcome(run) == ("failed", "deadline", "deadline")
    assert steps(run) == [("model", "script", 1)]


def test_the_clock_runs_on_while_the_run_is_handed_over(support, hosts):
    make_agent(support, [{"hang": True}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(seconds=2)))
    first = hosts.start()
    eventually(lambda: Run.objects.get(id=run.id).status == "running")
    hosts.stop(first)
    hosts.start()
    assert outcome(run) == ("failed", "deadline", "deadline")
    assert (run.finished_at - run.started_at).total_seconds() < 5


def test_a_deadline_that_passed_while_nobody_worked(support, hosts):
    """It ends at once and asks no model."""
    make_agent(support, [{"text": "Too late."}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(seconds=1)))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_run SET deadline_at = now() - interval '1 hour'")
    hosts.start()
    assert outcome(run) == ("failed", "deadline", "deadline")
    assert run.step_count == 0


def test_a_usage_that_is_absurd_does_not_lower_the_count(support, tools, host):
    script = [
        {"tool_calls": [{"name": "double", "args": {"x": 1}}], "usage": {"input_tokens": 2**40, "output_tokens": 0}},
        {"text": "Done."},
    ]
    model = make_model(support, script)
    make_agent(support, model=str(model), tools=[{"name": "double"}])
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, run.input_tokens >= 2**31 - 1) == ("succeeded", True)


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_calls_of_one_turn_share_what_is_left(support, tools, host, steps):
    """However many calls a turn has, no step is made above the ceiling, and those below it come to their ends."""
    calls = [{"name": "double", "args": {"x": n}, "id": f"c{n}"} for n in range(20)]
    make_agent(support, [{"tool_calls": calls}, {"text": "Done."}], tools=[{"name": "double"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(steps=steps)))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert (run.step_count, sum(toolbox.calls.values())) == (steps, steps - 1)
    resume_run(support.id, run.id, limits=Limits(steps=22))
    ended(run)
    assert (run.status, output(run), run.step_count) == ("succeeded", "Done.", 22)
    assert toolbox.calls == {f"double {n}": 1 for n in range(20)}


def test_an_unsafe_call_beside_a_refused_one_is_known_to_have_ended(support, tools, host):
    calls = [{"name": "pay", "args": {"amount": n}} for n in range(5)]
    make_agent(support, [{"tool_calls": calls}, {"text": "Done."}], tools=[{"name": "pay"}])
    run = create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(steps=3)))
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert (run.step_count, sum(toolbox.calls.values())) == (3, 2)
    assert list(Effect.objects.values_list("state", flat=True)) == ["committed", "committed"]
