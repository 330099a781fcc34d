"""The ids that a provider gives its tool calls are the provider's words: long, odd, empty or twice the same."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from apps.runs.models import Effect, Run
from apps.runs.services import RunRequest, create_run
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, steps
from tests.integration.engine.speaking import SpeakingProvider, calling, local_model
from tests.integration.runs.world import make_agent

Play = Callable[..., Run]


@pytest.fixture
def play(support, tools, host) -> Iterator[Play]:
    """A run whose model makes these calls of a tool at once, and then says Done."""
    with ExitStack() as stack:

        def make(tool: str, *calls: tuple[str, dict[str, Any]]) -> Run:
            messages = [calling(tool, call_id, **arguments) for call_id, arguments in calls]
            turn = {"content": None, "tool_calls": [message["tool_calls"][0] for message in messages]}
            provider = SpeakingProvider(turn, {"content": "Done."})
            model = local_model(support, stack.enter_context(provider.running()))
            make_agent(support, model=str(model), tools=[{"name": tool}])
            return create_run(support.id, RunRequest(agent="docs", input="go"))

        yield make


@pytest.mark.parametrize(
    "call_id", ["call_1", "x" * 1000, "a\x00b", "a\ud800b", "a/b/c", "", " ", "é😀", "%s{}", "'; --"]
)
def test_it_works(play, call_id):
    run = ended(play("double", (call_id, {"x": 4})))
    assert (run.status, output(run), toolbox.calls) == ("succeeded", "Done.", {"double 4": 1}), run.error_detail
    assert [kind for kind, _, _ in steps(run)] == ["model", "tool", "model"]


def test_calls_without_an_id_are_told_apart(play):
    run = ended(play("double", ("", {"x": 1}), ("", {"x": 2})))
    assert (run.status, toolbox.calls) == ("succeeded", {"double 1": 1, "double 2": 1}), run.error_detail
    assert [kind for kind, _, _ in steps(run)] == ["model", "tool", "tool", "model"]


@pytest.mark.parametrize(("tool", "argument"), [("double", "x"), ("pay", "amount")])
@pytest.mark.parametrize("call_id", ["same", "x" * 500])
def test_two_calls_under_one_id_are_refused_before_either_is_made(play, tool, argument, call_id):
    run = ended(play(tool, (call_id, {argument: 1}), (call_id, {argument: 2})))
    assert (run.status, run.error_code, toolbox.calls) == ("failed", "model_misbehaved", {})
    assert "unique `tool_call_id`" in run.error_detail
    assert Effect.objects.count() == 0
