"""Code that changes under a run that waits: nothing is executed on top of what the old code began."""

from collections.abc import Callable

import pytest

from apps.runs.models import Effect, Run, Step
from apps.runs.services import EffectDecision, RunRequest, create_run, resolve_effect, resume_run
from apps.runs.states import RunStatus
from apps.tools.registry import _load_once
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, events, outcome, output, reached, steps
from tests.integration.runs.world import make_agent, publish

OLD, NEW = "tests.integration.engine.toolbox", "tests.integration.engine.changed_toolbox"
SCRIPT = [
    {"tool_calls": [{"name": "double", "args": {"x": 1}, "id": "a"}]},
    {"tool_calls": [{"name": "pay_slowly", "id": "b"}]},
    {"tool_calls": [{"name": "double", "args": {"x": 2}, "id": "c"}]},
    {"text": "{last_tool_result}"},
]


@pytest.fixture
def deploy(hosts, settings) -> Callable[[str], None]:
    """A new process with the tools of this module, in the place of the one before."""
    running = []
    before = [module for module in settings.CEF_TOOL_MODULES if module not in {OLD, NEW}]

    def start(module: str | None) -> None:
        if running:
            hosts.stop(running.pop())
        settings.CEF_TOOL_MODULES = [*before, *([module] if module else [])]
        _load_once.cache_clear()
        running.append(hosts.start())

    return start


@pytest.fixture
def waiting(support, tools, deploy) -> Run:
    """After three steps, for a person's word on its payment; its last tool is still to be called."""
    deploy(OLD)
    make_agent(support, SCRIPT, tools=[{"name": "double"}, {"name": "pay_slowly"}])
    run = reached(create_run(support.id, RunRequest(agent="docs", input="go")), RunStatus.WAITING, RunStatus.FAILED)
    assert (run.status, len(steps(run))) == ("waiting", 3)
    return run


def happened(run: Run) -> None:
    resolve_effect(run.workspace_id, Effect.objects.get().id, decision=EffectDecision.HAPPENED, result="paid")


@pytest.mark.parametrize("module", [NEW, None], ids=["changed", "gone"])
def test_it_works(waiting, support, deploy, module):
    before = list(Step.objects.values()), dict(toolbox.calls)
    deploy(module)
    happened(waiting)
    assert outcome(waiting) == ("failed", "replay_mismatch", "replay_mismatch")
    assert "double@1.0.0" in waiting.error_detail
    assert (list(Step.objects.values()), dict(toolbox.calls)) == before
    deploy(OLD)
    resume_run(support.id, waiting.id)
    ended(waiting)
    assert (waiting.status, output(waiting)) == ("succeeded", "4")
    assert toolbox.calls == {"double 1": 1, "double 2": 1, "pay_slowly": 1}
    assert Effect.objects.get().state == "reconciled"


def test_the_run_says_why_in_its_history(waiting, deploy):
    deploy(NEW)
    happened(waiting)
    ended(waiting)
    kind, told = events(waiting)[-1]
    assert (kind, told["code"]) == ("run.failed", "replay_mismatch")
    assert "was changed without a new version" in told["detail"]


def test_code_that_keeps_its_contract_may_change(waiting, deploy):
    """What the agent relies on is name, version, description, schemas and effect; a fix behind them is welcome."""
    deploy(OLD)
    happened(waiting)
    assert ended(waiting).status == "succeeded"


def test_a_newer_version_of_the_agent_is_for_newer_runs(waiting, support, deploy):
    publish(waiting.agent, [{"text": "Something else."}], instructions="Be different.")
    happened(waiting)
    ended(waiting)
    assert (waiting.status, output(waiting), waiting.agent_version.number) == ("succeeded", "4", 1)
    newer = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (output(newer), newer.agent_version.number) == ("Something else.", 2)


def test_a_run_that_has_not_begun_is_told_of_the_tool_instead(support, tools, deploy):
    make_agent(support, [SCRIPT[0], {"text": "{last_tool_result}"}], tools=[{"name": "double"}])
    deploy(NEW)
    run = ended(create_run(support.id, RunRequest(agent="docs", input="go")))
    assert (run.status, toolbox.calls) == ("succeeded", {})
    assert "was changed without a new version" in str(output(run))
