"""A rerun reuses what was recorded before a model call, and runs the rest."""

import pytest
from django.db.models import Sum

from apps.agents.exceptions import AgentVersionNotFound
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.comparing import compare_runs
from apps.runs.exceptions import InvalidRerun, RunNotFound
from apps.runs.limits import Limits
from apps.runs.models import Effect, Run, Step, Turn
from apps.runs.services import RunRequest, create_run, create_thread, fork_thread, rerun
from apps.runs.services.rerun import Changes
from tests.integration.accounts.people import make_user, make_workspace
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, steps
from tests.integration.runs.world import make_agent, publish

PAYING = [
    {"tool_calls": [{"name": "pay", "args": {"amount": 7}}]},
    {"tool_calls": [{"name": "double", "args": {"x": 2}}]},
    {"text": "Paid."},
]
BOUND = [{"name": "pay"}, {"name": "double"}]


def worked(support) -> Run:
    """Model, pay, model, double, model: five steps."""
    make_agent(support, PAYING, tools=BOUND)
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go", metadata={"k": 1})))
    assert run.status == "succeeded", run.error_detail
    return run


def test_it_works(support, tools, host):
    original = worked(support)
    new = ended(rerun(support.id, original.id, from_step=3))
    assert (new.status, output(new)) == ("succeeded", "Paid.")
    assert (new.rerun_of_id, new.rerun_from, new.metadata) == (original.id, 3, {"k": 1})
    assert [epoch for _, _, epoch in steps(new)] == [0, 0, 1, 1, 1]
    assert [step[:2] for step in steps(new)] == [step[:2] for step in steps(original)]
    assert toolbox.calls == {"pay 7": 1, "double 2": 2}
    assert Effect.objects.filter(run=new).count() == 0
    spent = Step.objects.filter(run=new).aggregate(read=Sum("input_tokens"), written=Sum("output_tokens"))
    assert (new.input_tokens, new.output_tokens, new.model_calls) == (spent["read"], spent["written"], 2)
    assert new.input_tokens < original.input_tokens


def test_from_the_beginning_with_another_input(support, tools, host):
    original = worked(support)
    new = ended(rerun(support.id, original.id, from_step=1, changes=Changes(input={"q": 1})))
    assert (new.status, canonical.load(new.input)) == ("succeeded", {"q": 1})
    assert toolbox.calls["pay 7"] == 2


def test_compared_with_its_original(support, tools, host):
    original = worked(support)
    same = ended(rerun(support.id, original.id, from_step=3))
    publish(original.agent, [{"text": "x"}, {"text": "Version 2."}], tools=BOUND)
    other = ended(rerun(support.id, original.id, from_step=3, changes=Changes(agent_version=2)))
    alike = compare_runs(support.id, original.id, same.id)
    assert (alike["first_difference"], alike["same_output"], len(alike["steps"])) == (None, True, 5)
    assert [pair["other"]["reused"] for pair in alike["steps"]] == [True, True, False, False, False]
    told = compare_runs(support.id, original.id, other.id)
    assert (told["first_difference"], told["same_output"]) == (2, False)
    assert [pair["other"] is None for pair in told["steps"]].count(True) == 2


def test_with_another_version(support, tools, host):
    original = worked(support)
    publish(original.agent, [{"text": "x"}, {"text": "y"}, {"text": "Version 2."}], tools=BOUND)
    new = ended(rerun(support.id, original.id, from_step=5, changes=Changes(agent_version=2)))
    assert (new.status, output(new), toolbox.calls["pay 7"]) == ("succeeded", "Version 2.", 1)


@pytest.mark.parametrize("from_step", [2, 4, 6, 99])
def test_only_from_a_model_call(support, tools, host, from_step):
    original = worked(support)
    with pytest.raises(InvalidRerun) as refused:
        rerun(support.id, original.id, from_step=from_step)
    assert refused.value.details == {"valid_steps": [1, 3, 5]}
    assert Run.objects.count() == 1


def test_what_reused_steps_rest_on_stays(support, tools, host):
    original = worked(support)
    publish(original.agent, PAYING, tools=[{"name": "double"}])
    for changes, pointer in ((Changes(input="x"), "/input"), (Changes(agent_version=2), "/agent_version")):
        with pytest.raises(InvalidRerun) as refused:
            rerun(support.id, original.id, from_step=3, changes=changes)
        assert [fault.pointer for fault in refused.value.errors] == [pointer]
    with pytest.raises(AgentVersionNotFound):
        rerun(support.id, original.id, from_step=1, changes=Changes(agent_version=9))
    assert Run.objects.count() == 1


def test_after_a_limit(support, tools, host):
    make_agent(support, PAYING, tools=BOUND)
    original = ended(create_run(support.id, RunRequest(agent="docs", input="go", limits=Limits(steps=3))))
    assert original.stop_reason == "budget_exceeded"
    new = ended(rerun(support.id, original.id, from_step=3, changes=Changes(limits=Limits(steps=9))))
    assert (new.status, toolbox.calls["pay 7"]) == ("succeeded", 1)


def test_another_workspaces_run(support, tools, host):
    original = worked(support)
    other = make_workspace("sales", make_user("charlie"))
    for workspace_id, run_id in ((other.id, original.id), (support.id, new_id())):
        with pytest.raises(RunNotFound):
            rerun(workspace_id, run_id, from_step=1)


def test_in_a_conversation_it_hears_what_the_original_heard_in_a_fork(support, tools, host):
    make_agent(support, {"turns": [{"text": "Fine."}], "repeat_last": True})
    thread = create_thread(support.id, title="T")
    first, second, third = (
        ended(create_run(support.id, RunRequest(agent="docs", input=text, thread_id=thread.id)))
        for text in ("x" * 4000, "two", "three")
    )
    new = ended(rerun(support.id, second.id, from_step=1))
    assert new.input_tokens == second.input_tokens
    assert new.thread.forked_from_id == thread.id
    assert list(Turn.objects.filter(thread=new.thread).values_list("run_id", flat=True)) == [first.id]
    assert Run.objects.filter(thread=thread).count() == 3
    fork = fork_thread(support.id, thread.id, at_run=second.id)
    assert list(Turn.objects.filter(thread=fork).values_list("run_id", flat=True)) == [first.id, second.id]
    assert (fork.title, fork.forked_from_id, fork.forked_at) == ("T", thread.id, second.id)
    again = fork_thread(support.id, fork.id)
    assert Turn.objects.filter(thread=again).count() == 2
    said = ended(create_run(support.id, RunRequest(agent="docs", input="three", thread_id=again.id)))
    assert said.input_tokens == third.input_tokens
