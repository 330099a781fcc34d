"""An agent starts others and waits for their answers."""

import json

import pytest

from apps.accounts.models import Workspace
from apps.runs.exceptions import NotYoursToDecide
from apps.runs.models import Run, Wait
from apps.runs.services import cancel_run
from apps.runs.services.waits_children import tell_parent
from apps.runs.services.waits_due import settle_due
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, reached, steps
from tests.integration.runs.world import finish, history, make_agent, together
from tests.integration.waits.world import agent_with, call, say, start, turn, waiting
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The built-in tools are installed."""


def delegate(support, *tasks: str, agent: str = "helper", config=None, then: str = "{last_tool_result}") -> None:
    """An agent `docs` that hands these tasks to another one in its first turn."""
    calls = [call("run_agent", f"c{n}", agent=agent, task=task) for n, task in enumerate(tasks)]
    agent_with(support, [turn(*calls), {"text": then}], {"name": "run_agent", "config": config or {}})


def child_of(run: Run) -> Run:
    return eventually(lambda: Run.objects.filter(parent=run).first())


def test_it_works(support, alice, host):
    make_agent(support, [{"text": "You said {input}."}], slug="helper")
    delegate(support, "hello")
    run = ended(start(alice))
    child = Run.objects.get(parent=run)
    assert (run.status, child.status) == ("succeeded", "succeeded")
    assert json.loads(output(run)) == {"run_id": str(child.id), "output": "You said hello."}
    assert (child.created_by_kind, child.created_by_id, child.workspace_id) == ("user", alice.id, support.id)
    assert steps(run) == [("model", "script", 1), ("model", "script", 2)]
    assert Wait.objects.get().child_id == child.id


def test_several_side_by_side(support, alice, host):
    make_agent(support, [{"text": "Did {input}.", "latency_s": 0.3}], slug="helper")
    delegate(support, "a", "b", "c", then="All done.")
    run = ended(start(alice))
    children = list(Run.objects.filter(parent=run))
    assert (run.status, {child.status for child in children}, len(children)) == ("succeeded", {"succeeded"}, 3)
    assert max(child.started_at for child in children) < min(child.finished_at for child in children)
    assert history(run.id).count("run.resumed") == 1


def test_with_one_slot(support, alice, hosts):
    """The parent holds no slot, so that its child can run."""
    hosts.start(slots=1)
    make_agent(support, [{"text": "Here."}], slug="helper")
    delegate(support, "hello")
    assert ended(start(alice)).status == "succeeded"


def test_the_parent_survives_the_end_of_its_host(support, alice, hosts):
    first = hosts.start()
    make_agent(support, [turn(call("wait")), {"text": "Late."}], slug="helper", tools=[{"name": "wait"}])
    delegate(support, "hello")
    run = start(alice)
    waiting(run)
    child = child_of(run)
    eventually(lambda: toolbox.calls["wait"])
    hosts.stop(first)
    toolbox.gate.set()
    hosts.start()
    assert (ended(run).status, ended(child).status) == ("succeeded", "succeeded")
    assert Run.objects.filter(parent=run).count() == 1


def test_a_failure_is_told_to_the_parent(support, alice, host):
    make_agent(support, [{"error": {"status": 401, "message": "no"}}], slug="helper")
    delegate(support, "hello")
    run = ended(start(alice))
    assert run.status == "succeeded"
    assert "The run of helper failed" in output(run)


def test_a_cancelled_child_is_told_to_the_parent(support, alice, host):
    make_agent(support, [{"hang": True}], slug="helper")
    delegate(support, "hello")
    run = start(alice)
    child = reached(child_of(run), RunStatus.RUNNING)
    cancel_run(support.id, child.id)
    assert (ended(run).status, output(run)) == ("succeeded", '{"error":"The run of helper was cancelled."}')


@pytest.mark.parametrize("agent", ["nobody", "helper@7", "NO NAME"])
def test_an_agent_that_is_not_there(agent, support, alice, host):
    make_agent(support, slug="helper")
    delegate(support, "hello", agent=agent)
    run = ended(start(alice))
    assert (run.status, Run.objects.count()) == ("succeeded", 1)
    assert "error" in output(run)


def test_only_agents_that_the_binding_names(support, alice, host):
    make_agent(support, slug="helper")
    delegate(support, "hello", config={"agents": ["other"]})
    run = ended(start(alice))
    assert (run.status, Run.objects.count(), Wait.objects.count()) == ("succeeded", 1, 0)
    assert "only these agents: other" in output(run)


def test_an_agent_of_another_workspace(support, alice, charlie, host):
    make_agent(Workspace.objects.get(id=charlie.workspace_id), slug="secret")
    delegate(support, "hello", agent="secret")
    run = ended(start(alice))
    assert (run.status, Run.objects.count()) == ("succeeded", 1)


def test_no_deeper_than_allowed(support, alice, host, settings):
    settings.CEF_RUN_DEPTH = 2
    script = [turn(call("run_agent", agent="docs", task="again")), {"text": "{last_tool_result}"}]
    agent_with(support, script, {"name": "run_agent"})
    run = ended(start(alice))
    assert (run.status, Run.objects.count()) == ("succeeded", 3)
    assert "nested 2 deep" in output(run)


def test_no_more_than_allowed(support, alice, host, settings):
    settings.CEF_RUN_CHILDREN = 2
    make_agent(support, slug="helper")
    delegate(support, "a", "b", "c")
    run = ended(start(alice))
    assert (run.status, Run.objects.filter(parent=run).count()) == ("succeeded", 2)
    assert "may start 2 others" in output(run)


def test_a_child_that_waits_for_a_person(support, alice, bob, host):
    make_agent(support, [turn(call("ask", question="Yes?")), {"text": "{last_tool_result}!"}], slug="helper",
               tools=[{"name": "ask"}])  # fmt: skip
    delegate(support, "hello")
    run = start(alice)
    child = child_of(run)
    say(bob, waiting(child)[0], "answer", answer="Yes")
    assert json.loads(output(ended(run)))["output"] == "Yes!"


def test_who_asked_for_the_parent_cannot_approve_calls_of_the_child(support, alice, host):
    make_agent(support, [turn(call("pay", amount=1)), {"text": "ok"}], slug="helper",
               tools=[{"name": "pay", "approval": {}}])  # fmt: skip
    delegate(support, "hello")
    [wait] = waiting(child_of(start(alice)))
    with pytest.raises(NotYoursToDecide):
        say(alice, wait, "approve")


class TestTheSweeper:
    """The news of a child's end was lost; or it arrives while somebody sweeps."""

    def orphaned(self, support, alice, hosts) -> tuple[Run, Run, Wait]:
        """A parent whose child ended as another process ends it, and nobody told."""
        host = hosts.start()
        make_agent(support, [{"hang": True}], slug="helper")
        delegate(support, "hello")
        run = start(alice)
        [wait] = waiting(run)
        child = child_of(run)
        hosts.stop(host)
        Run.objects.filter(id=child.id).update(status="running", lease_epoch=9, worker_id=None)
        finish(child)
        return run, child, wait

    def test_it_works(self, support, alice, hosts):
        run, _, _ = self.orphaned(support, alice, hosts)
        hosts.start()
        assert ended(run, seconds=5).status == "succeeded"

    def test_told_and_swept_at_once(self, support, alice, hosts):
        run, child, wait = self.orphaned(support, alice, hosts)
        together(*(lambda: settle_due([wait.id]), lambda: tell_parent(child.id)) * 3)
        assert history(run.id).count("wait.resolved") == 1
        assert history(run.id)[-1] == "run.resumed"

    def test_a_child_that_is_erased(self, support, alice, hosts):
        run, child, _ = self.orphaned(support, alice, hosts)
        Run.objects.filter(id=child.id).delete()
        hosts.start()
        assert (ended(run).status, output(run)) == ("succeeded", '{"error":"The run of the other agent was erased."}')

    def test_a_child_that_is_still_at_work(self, support, alice, hosts):
        hosts.start()
        make_agent(support, [{"hang": True}], slug="helper")
        delegate(support, "hello")
        [wait] = waiting(start(alice))
        settle_due([wait.id])
        assert Wait.objects.get().state == "open"
