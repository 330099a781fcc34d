"""The scripted provider plays the same script the same way everywhere."""

import asyncio
import time
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import ImageUrl, ModelRequest, ModelResponse, ToolReturnPart, UserPromptPart

from apps.providers.calls import begin_attempt, model_call
from apps.providers.exceptions import ScriptExhausted
from apps.providers.script import parse_script
from apps.providers.scripted import ScriptedModel
from tests.unit.providers.doubles import ask, stream, text_of


def scripted(*turns: dict[str, Any], repeat_last: bool = False) -> ScriptedModel:
    return ScriptedModel("m", parse_script({"turns": list(turns), "repeat_last": repeat_last}), provider="acme")


def test_it_works() -> None:
    agent = Agent(scripted({"tool_calls": [{"name": "add", "args": {"a": 2, "b": 3}}]}, {"text": "It is 5."}))

    @agent.tool_plain
    def add(a: int, b: int) -> int:
        return a + b

    result = agent.run_sync("What is 2 + 3?")
    assert result.output == "It is 5."
    assert [message.kind for message in result.all_messages()] == ["request", "response"] * 2
    call = result.all_messages()[1].parts[0]
    assert (call.tool_name, call.args, call.tool_call_id) == ("add", {"a": 2, "b": 3}, "call_0_0")  # type: ignore[union-attr]


def test_placeholders_stand_for_the_last_input_and_result() -> None:
    agent = Agent(
        scripted(
            {"tool_calls": [{"name": "echo", "args": {"words": ["<{input}>"], "depth": {"n": 1}}}]},
            {"text": "{input} -> {last_tool_result}"},
        )
    )
    seen = []

    @agent.tool_plain
    def echo(words: list[str], depth: dict[str, int]) -> str:
        seen.append((words, depth))
        return "{input}"

    assert agent.run_sync("hey").output == "hey -> {input}"
    assert seen == [(["<hey>"], {"n": 1})]


def test_placeholders_without_anything_to_stand_for_are_empty() -> None:
    assert text_of(ask(scripted({"text": "[{last_tool_result}]{other}"}))) == "[]{other}"


def test_the_text_of_a_mixed_prompt_is_the_input() -> None:
    prompt = UserPromptPart(["look", ImageUrl("https://example.org/cat.png"), "here"])
    response = asyncio.run(model_request(scripted({"text": "{input}"}), [ModelRequest(parts=[prompt])]))
    assert text_of(response) == "look\nhere"


def test_a_result_that_is_no_text_becomes_json() -> None:
    messages = [ModelRequest(parts=[ToolReturnPart("t", {"a": [1]}, tool_call_id="c")])]
    assert text_of(asyncio.run(model_request(scripted({"text": "{last_tool_result}"}), messages))) == '{"a":[1]}'


def test_the_turn_is_the_count_of_responses_unless_the_caller_knows_better() -> None:
    model = scripted({"text": "zero"}, {"text": "one"}, {"text": "two"})
    messages = [ModelRequest(parts=[UserPromptPart("q")]), ModelResponse(parts=[]), ModelRequest(parts=[])]

    async def play() -> list[str]:
        counted = await model_request(model, messages)
        with model_call(number=2):
            told = await model_request(model, messages)
        return [text_of(counted), text_of(told)]

    assert asyncio.run(play()) == ["one", "two"]


def test_past_its_end_a_script_is_exhausted() -> None:
    with model_call(number=2), pytest.raises(ScriptExhausted) as caught:
        ask(scripted({"text": "a"}, {"text": "b"}))
    assert caught.value.code == "script_exhausted"
    assert caught.value.message == "The script of 'm' has 2 turns; call 3 found none left."
    assert caught.value.details == {"provider": "acme", "model": "m", "attempts": 1, "status": None}


def test_the_last_turn_may_repeat() -> None:
    with model_call(number=99):
        assert text_of(ask(scripted({"text": "a"}, {"text": "b"}, repeat_last=True))) == "b"


def test_errors_are_those_of_a_real_client() -> None:
    with pytest.raises(ModelHTTPError) as caught:
        ask(scripted({"error": {"status": 429, "message": "slow down", "retry_after_s": 3}}))
    assert (caught.value.status_code, caught.value.retry_after) == (429, 3)
    assert caught.value.body == {"error": {"message": "slow down"}}
    with pytest.raises(UnexpectedModelBehavior):
        ask(scripted({"malformed": True}))


def test_a_turn_may_fail_in_its_first_attempts_only() -> None:
    model = scripted({"error": {"status": 500}, "times": 2, "text": "third time"})

    async def attempts() -> list[str]:
        said = []
        for attempt in (1, 2, 3):
            begin_attempt(attempt)
            try:
                said.append(text_of(await model_request(model, [ModelRequest(parts=[])])))
            except ModelHTTPError:
                said.append("failed")
        return said

    assert asyncio.run(attempts()) == ["failed", "failed", "third time"]


def test_a_hanging_turn_never_answers() -> None:
    async def hang() -> None:
        async with asyncio.timeout(0.02):
            await model_request(scripted({"hang": True}), [ModelRequest(parts=[])])

    with pytest.raises(TimeoutError):
        asyncio.run(hang())


def test_latency_passes_before_the_answer() -> None:
    started = time.monotonic()
    ask(scripted({"text": "late", "latency_s": 0.05}))
    assert time.monotonic() - started >= 0.05


def test_a_stream_comes_in_chunks_and_spreads_its_latency() -> None:
    started = time.monotonic()
    pieces, response = stream(scripted({"text": "abcdefg", "chunks": 3, "latency_s": 0.06}))
    assert time.monotonic() - started >= 0.06
    assert pieces == ["abc", "de", "fg"]
    assert (response.text, response.finish_reason, response.state) == ("abcdefg", "stop", "complete")


def test_a_stream_may_call_tools() -> None:
    turn = {"text": "hm", "tool_calls": [{"name": "t", "args": {"x": "{input}"}, "id": "mine"}], "latency_s": 0.01}
    pieces, response = stream(scripted(turn), "q")
    assert pieces == ["hm"]
    call = response.tool_calls[0]
    assert (call.tool_name, call.args_as_dict(), call.tool_call_id) == ("t", {"x": "q"}, "mine")
    assert response.finish_reason == "tool_call"


def test_a_stream_and_an_answer_are_the_same() -> None:
    turn = {"text": "{input}!", "tool_calls": [{"name": "t", "args": {"n": 1}}], "chunks": 2}
    whole, (_, streamed) = ask(scripted(turn)), stream(scripted(turn))
    assert [(p.part_kind, getattr(p, "content", None)) for p in whole.parts] == [
        (p.part_kind, getattr(p, "content", None)) for p in streamed.parts
    ]
    assert whole.usage == streamed.usage


def test_declared_usage_is_reported_and_never_shared() -> None:
    model = scripted({"text": "x", "usage": {"input_tokens": 7, "output_tokens": 5, "cache_read_tokens": 3}})
    first, second = ask(model), ask(model)
    assert (first.usage.input_tokens, first.usage.output_tokens, first.usage.cache_read_tokens) == (7, 5, 3)
    assert first.usage is not second.usage


def test_undeclared_usage_is_a_quarter_of_the_characters() -> None:
    usage = ask(scripted({"text": "x" * 40}), "y" * 80).usage
    assert (usage.input_tokens, usage.output_tokens) == (20, 10)


def test_two_calls_share_nothing_that_can_change() -> None:
    model = scripted({"tool_calls": [{"name": "t", "args": {"a": 1}}]})
    first, second = ask(model), ask(model)
    first.tool_calls[0].args["a"] = 2  # type: ignore[index]
    assert second.tool_calls[0].args == {"a": 1}
    assert ask(model).tool_calls[0].args == {"a": 1}
