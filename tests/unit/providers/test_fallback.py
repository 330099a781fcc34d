"""When a model gave up with a passing trouble, the next one of its chain answers."""

import asyncio
from typing import Any

import pytest
from pydantic_ai import Agent

from apps.providers.exceptions import ProviderAuthFailed, ProviderRejected, ProviderTimeout, ProviderUnavailable
from apps.providers.fallback import FallbackChain
from apps.providers.resilience import ResilientModel
from apps.providers.retry import RetryPolicy
from tests.unit.providers.doubles import HeldClock, ask, resilient, stream, text_of


def once(name: str, turn: dict[str, Any], **kwargs: Any) -> ResilientModel:
    return resilient(turn, name=name, clock=HeldClock(), policy=RetryPolicy(attempts=1), **kwargs)


def down(status: int) -> dict[str, Any]:
    return {"error": {"status": status}}


@pytest.mark.parametrize("trouble", [down(503), down(429), down(408)])
def test_it_works(trouble: dict[str, Any]) -> None:
    response = ask(FallbackChain([once("first", trouble), once("second", {"text": "here"})]))
    assert text_of(response) == "here"
    assert response.metadata == {"model": "acme:second"}


def test_the_first_answers_when_it_can() -> None:
    response = ask(FallbackChain([once("first", {"text": "here"}), once("second", {"text": "never"})]))
    assert (text_of(response), response.metadata) == ("here", {"model": "acme:first"})


@pytest.mark.parametrize(("status", "error"), [(400, ProviderRejected), (401, ProviderAuthFailed)])
def test_a_final_failure_is_not_handed_on(status: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        ask(FallbackChain([once("first", down(status)), once("second", {"text": "never"})]))
    assert caught.value.model == "first"  # type: ignore[attr-defined]


def test_when_all_gave_up_the_first_ones_error_names_the_others() -> None:
    chain = FallbackChain([once("a", down(503)), once("b", {"hang": True}, timeout_s=0.01), once("c", down(429))])
    with pytest.raises(ProviderUnavailable) as caught:
        ask(chain)
    assert caught.value.model == "a"
    assert caught.value.details["fallbacks"] == [
        {"model": "acme:b", "code": "provider_timeout"},
        {"model": "acme:c", "code": "provider_rate_limited"},
    ]
    assert str(caught.value).endswith("So did its fallback: acme:b (provider_timeout), acme:c (provider_rate_limited).")


def test_a_final_failure_of_the_fallback_is_raised() -> None:
    with pytest.raises(ProviderRejected) as caught:
        ask(FallbackChain([once("a", down(503)), once("b", down(404))]))
    assert caught.value.model == "b"


def test_a_stream_falls_back_before_its_first_event() -> None:
    chain = FallbackChain([once("first", down(503)), once("second", {"text": "abcd", "chunks": 2})])
    pieces, response = stream(chain)
    assert pieces == ["ab", "cd"]
    assert response.metadata == {"model": "acme:second"}


def test_an_agent_with_tools_takes_a_chain_for_a_model() -> None:
    turns = ({"tool_calls": [{"name": "double", "args": {"n": 21}}]}, {"text": "{last_tool_result}", "chunks": 2})
    first = resilient(down(503), down(503), name="first", clock=HeldClock())
    agent = Agent(FallbackChain([first, resilient(*turns, name="second", clock=HeldClock())]))

    @agent.tool_plain
    def double(n: int) -> int:
        return 2 * n

    async def streamed() -> str:
        async with agent.run_stream("go") as result:
            return str(await result.get_output())

    assert agent.run_sync("go").output == "42"
    assert asyncio.run(streamed()) == "42"


def test_a_stream_that_nobody_can_serve_fails_like_an_answer() -> None:
    with pytest.raises(ProviderTimeout) as caught:
        stream(FallbackChain([once("a", {"hang": True}, timeout_s=0.01), once("b", down(503))]))
    assert caught.value.details["fallbacks"] == [{"model": "acme:b", "code": "provider_unavailable"}]
