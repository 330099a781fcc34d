"""Tools whose calls wait: what they wait for, from their arguments and their binding alone."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.core.exceptions import InvalidInput
from apps.core.ids import new_id
from apps.tools.declaration import ToolCall, ToolDefinition, ToolFailed, ToolInputInvalid, tool
from apps.tools.deferral import ChildRun, ExternalEvent, Question, Timer
from apps.tools.exceptions import InvalidToolDefinition
from apps.tools.services.calling import call_tool, check_arguments
from workers.toolbox import ask, run_agent, sleep, wait_for_event


def wanted(definition: ToolDefinition, config: dict[str, Any] | None = None, **arguments: Any) -> Any:
    call = ToolCall(workspace_id=new_id(), run_id=new_id(), step_key="", idempotency_key="", config=config or {})
    return definition.run(call, **check_arguments(definition, arguments))


def test_ask():
    text = {"type": "string"}
    assert wanted(ask, question="Which?") == Question(prompt="Which?", answer_schema=text)
    assert wanted(ask, {"role": "admin", "due_seconds": 60}, question="Which?") == Question(
        prompt="Which?", answer_schema=text, role="admin", due_seconds=60
    )
    schema = {"type": "integer"}
    assert wanted(ask, question="How many?", answer_schema=schema).answer_schema == schema


def test_ask_with_a_schema_that_is_none():
    with pytest.raises(InvalidInput):
        wanted(ask, question="Which?", answer_schema={"type": "banana"})


def test_sleep():
    assert wanted(sleep, seconds=90 * 86_400) == Timer(seconds=90 * 86_400)
    assert wanted(sleep, until="2030-01-31T09:00:00+01:00") == Timer(until=datetime(2030, 1, 31, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    "arguments",
    [{}, {"seconds": 1, "until": "2030-01-31T09:00:00Z"}, {"seconds": -1}, {"seconds": 10**9}, {"until": "tomorrow"}],
)
def test_sleep_refuses(arguments):
    with pytest.raises(ToolInputInvalid):
        wanted(sleep, **arguments)


def test_run_agent():
    assert wanted(run_agent, agent="helper", task={"n": 1}) == ChildRun(agent="helper", input={"n": 1})
    assert wanted(run_agent, {"agents": ["helper"]}, agent="helper", task="x").agent == "helper"


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ({"agents": ["helper"]}, {"agent": "other", "task": "x"}),
        ({}, {"agent": "helper", "task": ""}),
        ({}, {"agent": "helper", "task": None}),
        ({}, {"agent": "helper"}),
    ],
)
def test_run_agent_refuses(config, arguments):
    with pytest.raises(ToolInputInvalid):
        wanted(run_agent, config, **arguments)


def test_wait_for_event():
    assert wanted(wait_for_event, name="paid") == ExternalEvent(name="paid")
    assert wanted(wait_for_event, {"due_seconds": 5}, name="paid").due_seconds == 5


def test_outside_a_run_nothing_waits():
    call = ToolCall(workspace_id=new_id(), run_id=new_id(), step_key="", idempotency_key="")
    with pytest.raises(ToolFailed) as refusal:
        asyncio.run(call_tool(sleep, call, {"seconds": 1}))
    assert refusal.value.code == "not_in_a_run"


def test_a_tool_that_defers_is_no_coroutine():
    with pytest.raises(InvalidToolDefinition):

        @tool(version="1.0.0", defers=True)
        async def nap(call: ToolCall) -> Timer:
            """Sleep a little."""
            return Timer(seconds=1)
