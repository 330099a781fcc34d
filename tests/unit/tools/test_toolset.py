"""Registered tools as pydantic-ai sees them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool
from apps.tools.definitions import BoundTool, ToolDefinition
from apps.tools.exceptions import ToolTimeout
from apps.tools.registry import Registry
from apps.tools.toolset import build_tools, effects
from tests.unit.tools.calls import a_call


@dataclass
class Deps:
    """Stands in for the engine's own."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    def tool_call(self, tool_call_id: str, tool_name: str) -> ToolCall:
        self.asked.append((tool_call_id, tool_name))
        return a_call()


@tool(version="1.0.0", effect=Effect.READ_ONLY, config_schema={"type": "object"})
def shout(call: ToolCall, zebra: str, apple: int = 1) -> dict[str, Any]:
    """Shout."""
    return {"said": zebra.upper() * apple, "config": dict(call.config)}


@tool(version="1.0.0")
def fail(call: ToolCall, how: str) -> None:
    """Fail."""
    if how == "unknown":
        raise ToolTimeout("No answer.", outcome_unknown=True)
    raise ToolFailed(f"It is {how}.", retryable=how == "busy")


REGISTRY = Registry(
    {(one.name, one.version): one for one in (shout, fail)},
    dict.fromkeys([("shout", "1.0.0"), ("fail", "1.0.0")], "x"),
    {},
)


def bound(definition: ToolDefinition, **changes: Any) -> BoundTool:
    values = {
        "name": definition.name,
        "version": definition.version,
        "digest": definition.digest,
        "description": definition.description,
        "input_schema": dict(sorted(definition.input_schema.items())),
        "effect": definition.effect,
        "config": {},
    }
    return BoundTool(**values | changes)


def converse(
    tools: list[BoundTool], *calls: ToolCallPart, registry: Registry = REGISTRY
) -> tuple[list[ModelMessage], Deps, list[AgentInfo]]:
    """Let a model make these calls, one after another, and return what it was told."""
    infos: list[AgentInfo] = []
    left = list(calls)

    def play(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        infos.append(info)
        return ModelResponse(parts=[left.pop(0) if left else TextPart("done")])

    deps = Deps()
    agent = Agent(FunctionModel(play), tools=build_tools(tools, registry), deps_type=Deps)
    result = asyncio.run(agent.run("go", deps=deps))
    return result.all_messages(), deps, infos


def told(messages: list[ModelMessage]) -> list[tuple[str, Any]]:
    parts = [part for message in messages for part in message.parts]
    return [(part.outcome, part.content) for part in parts if isinstance(part, ToolReturnPart)]


def test_a_call_reaches_the_function_with_its_circumstances() -> None:
    messages, deps, infos = converse(
        [bound(shout, config={"volume": 11})], ToolCallPart("shout", {"zebra": "hey", "apple": 2}, tool_call_id="c1")
    )
    assert told(messages) == [("success", {"said": "HEYHEY", "config": {"volume": 11}})]
    assert deps.asked == [("c1", "shout")]
    assert [known.name for known in infos[0].function_tools] == ["shout"]
    assert infos[0].function_tools[0].description == "Shout."


def test_names_order_and_schemas_are_always_the_same() -> None:
    first = build_tools([bound(shout), bound(fail)], REGISTRY)
    second = build_tools([bound(fail), bound(shout)], REGISTRY)
    assert [tool.name for tool in first] == [tool.name for tool in second] == ["fail", "shout"]
    schema = first[1].function_schema.json_schema
    assert list(schema["properties"]) == ["zebra", "apple"]
    assert effects([bound(shout), bound(fail)]) == {"shout": Effect.READ_ONLY, "fail": Effect.UNSAFE}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"zebra": 1}, "at /zebra: 1 is not of type 'string'"), ({}, "'zebra' is a required property")],
)
def test_the_model_is_told_what_to_correct(arguments: dict[str, Any], words: str) -> None:
    messages, _, _ = converse([bound(shout)], ToolCallPart("shout", arguments), ToolCallPart("shout", {"zebra": "ok"}))
    (kind, content), (last, _) = told(messages)
    assert kind == "retried"
    assert words in content
    assert last == "success"


@pytest.mark.parametrize("arguments", ['["zebra"]', '"zebra"', "1", "{broken"])
def test_arguments_that_are_no_object_are_corrected_too(arguments: str) -> None:
    messages, _, _ = converse([bound(shout)], ToolCallPart("shout", arguments), ToolCallPart("shout", {"zebra": "ok"}))
    assert [kind for kind, _ in told(messages)] == ["retried", "success"]


@pytest.mark.parametrize("arguments", ['{"zebra": "hey", "apple": NaN}', '{"zebra": {"a": [-1e999]}}'])
def test_numbers_that_json_does_not_have_are_corrected_too(arguments: str) -> None:
    """No condition of an approval holds for NaN, so it must not come that far."""
    messages, deps, _ = converse(
        [bound(shout)], ToolCallPart("shout", arguments), ToolCallPart("shout", {"zebra": "ok"}, tool_call_id="c2")
    )
    (kind, content), (last, _) = told(messages)
    assert (kind, last, deps.asked) == ("retried", "success", [("c2", "shout")])
    assert "NaN and infinite numbers are not JSON" in str(content)


def test_a_passing_failure_asks_for_another_try_and_a_final_one_does_not() -> None:
    messages, _, _ = converse(
        [bound(fail)], ToolCallPart("fail", {"how": "busy"}), ToolCallPart("fail", {"how": "over"})
    )
    assert told(messages) == [("retried", "It is busy."), ("failed", "It is over.")]


def test_an_unknown_outcome_is_not_the_models_to_repeat() -> None:
    with pytest.raises(ToolTimeout):
        converse([bound(fail)], ToolCallPart("fail", {"how": "unknown"}))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"version": "9.0.0"}, "is not installed here"), ({"digest": b"other"}, "changed without a new version")],
)
def test_a_tool_whose_code_is_gone_says_so_when_called(change: dict[str, Any], words: str) -> None:
    messages, _, infos = converse([bound(shout, **change)], ToolCallPart("shout", {"zebra": "hey"}))
    ((kind, content),) = told(messages)
    assert kind == "failed"
    assert words in content
    assert infos[0].function_tools[0].parameters_json_schema["required"] == ["zebra"]


def test_arguments_may_have_any_name() -> None:
    @tool(version="1.0.0")
    def odd(call: ToolCall, ctx: str, self: str) -> str:
        """Odd."""
        return ctx + self

    registry = Registry({("odd", "1.0.0"): odd}, {}, {})
    messages, _, _ = converse([bound(odd)], ToolCallPart("odd", {"ctx": "a", "self": "b"}), registry=registry)
    assert told(messages) == [("success", "ab")]
