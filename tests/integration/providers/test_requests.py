"""Requests through the real OpenAI client to a server that answers, errs, mumbles, hangs and hangs up."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import Model
from pytest_django.fixtures import Settings

from apps.accounts.models import Workspace
from apps.providers.exceptions import (
    PassingProviderError,
    ProviderAuthFailed,
    ProviderError,
    ProviderMalformed,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from apps.providers.factory import assemble, build_embedder, serving_row
from apps.providers.models import LanguageModel
from apps.providers.persistence import Patience
from apps.providers.selectors import models_with_fallbacks
from apps.providers.services import create_embedding_model, create_model, create_provider, set_credentials, update_model
from tests.integration.providers.fake_api import FakeApi

KEY = "sk-0123456789abcdef"
Serve = Callable[..., FakeApi]
ServedModel = Callable[..., tuple[FakeApi, LanguageModel]]


class Sleeps(list[float]):
    """Notes how long somebody wanted to sleep."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def patience(sleeps: Sleeps) -> Patience:
    return Patience(sleep=sleeps, jitter=lambda: 1.0)


def messages() -> list[Any]:
    return [ModelRequest(parts=[UserPromptPart("hi")])]


def ask(model: Model) -> ModelResponse:
    return asyncio.run(model_request(model, messages()))


def test_it_works(served_model: ServedModel, patience: Patience) -> None:
    api, row = served_model("ok")
    response = ask(assemble(row, patience))
    assert (response.text, response.usage.input_tokens, response.usage.output_tokens) == ("hello", 11, 2)
    assert response.metadata == {"model": "local:m"}
    path, headers, body = api.requests[0]
    assert (path, headers["authorization"], body["model"]) == ("/v1/chat/completions", "Bearer none", "m")


def test_credentials_reach_the_server_and_nobody_else(served_model: ServedModel, patience: Patience) -> None:
    api, row = served_model(400)
    set_credentials(row.provider, {"api_key": KEY})
    row.refresh_from_db()
    with pytest.raises(ProviderRejected) as caught:
        ask(assemble(row, patience))
    assert api.requests[0][1]["authorization"] == f"Bearer {KEY}"
    assert caught.value.message.endswith("(HTTP 400): as told, with key ***")
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(
    ("behaviour", "error", "requests"),
    [
        (400, ProviderRejected, 1),
        (401, ProviderAuthFailed, 1),
        (403, ProviderAuthFailed, 1),
        (404, ProviderRejected, 1),
        (422, ProviderRejected, 1),
        (408, ProviderTimeout, 4),
        (409, ProviderUnavailable, 4),
        (429, ProviderRateLimited, 4),
        (500, ProviderUnavailable, 4),
        (503, ProviderUnavailable, 4),
        ("garbage", ProviderMalformed, 2),
        ("html", ProviderMalformed, 2),
        ("wrong_shape", ProviderMalformed, 2),
        ("close", ProviderUnavailable, 4),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_each_trouble_ends_in_its_own_error(
    behaviour: Any,
    error: type[ProviderError],
    requests: int,
    streaming: bool,
    served_model: ServedModel,
    patience: Patience,
) -> None:
    api, row = served_model(behaviour)
    with pytest.raises(error) as caught:
        drain(assemble(row, patience)) if streaming else ask(assemble(row, patience))
    assert type(caught.value) is error
    assert (caught.value.provider, caught.value.model, caught.value.attempts) == ("local", "m", requests)
    assert len(api.requests) == requests
    assert len(cast(Sleeps, patience.sleep)) == requests - 1


def drain(model: Model) -> tuple[list[str], ModelResponse]:
    async def read() -> tuple[list[str], ModelResponse]:
        async with model_request_stream(model, messages()) as response:
            seen: list[str] = [event.event_kind async for event in response]
            return seen, response.get()

    return asyncio.run(read())


def test_a_stream_arrives(served_model: ServedModel, patience: Patience) -> None:
    _, row = served_model("ok")
    seen, response = drain(assemble(row, patience))
    assert (response.text, response.metadata) == ("hello", {"model": "local:m"})
    assert seen.count("part_delta") == 1


@pytest.mark.parametrize("behaviours", [(503, "close", "ok"), ("garbage", "ok"), (429, 500, 502, "ok")])
def test_a_passing_trouble_passes(behaviours: tuple[Any, ...], served_model: ServedModel, patience: Patience) -> None:
    api, row = served_model(*behaviours)
    assert ask(assemble(row, patience)).text == "hello"
    assert len(api.requests) == len(behaviours)


def test_retry_after_of_the_server_is_waited_for(served_model: ServedModel, patience: Patience, sleeps: Sleeps) -> None:
    _, row = served_model((429, {"Retry-After": "9"}), "ok")
    assert ask(assemble(row, patience)).text == "hello"
    assert sleeps == [9.0]


def test_a_server_that_hangs_is_given_up(served_model: ServedModel, patience: Patience) -> None:
    api, row = served_model("hang", timeout_s=0.1)
    with pytest.raises(ProviderTimeout) as caught:
        ask(assemble(row, patience))
    assert caught.value.attempts == 4
    assert len(api.requests) == 4


def test_a_stream_that_drops_after_its_first_token_is_not_begun_again(
    served_model: ServedModel, patience: Patience, sleeps: Sleeps
) -> None:
    api, row = served_model("stream_drop")
    with pytest.raises(PassingProviderError) as caught:
        drain(assemble(row, patience))
    assert caught.value.code == "provider_unavailable"
    assert len(api.requests) == 1
    assert sleeps == []


OTHERS: dict[str, dict[str, Any]] = {
    "anthropic": {},
    "google": {},
    "openai": {},
    "bedrock": {"settings": {"region": "eu-west-1"}},
}
AWS = {"aws_access_key_id": "AKIA0123", "aws_secret_access_key": "s" * 40}
OtherModel = Callable[..., tuple[FakeApi, LanguageModel]]


@pytest.fixture
def other_model(workspace: Workspace, serve: Serve, settings: Settings) -> OtherModel:
    """A model of another kind of provider, whose API is the fake server."""
    settings.CEF_ALLOW_PRIVATE_PROVIDERS = True

    def make(kind: str, behaviour: Any, **fields: Any) -> tuple[FakeApi, LanguageModel]:
        api = serve(behaviour)
        provider = create_provider(workspace.id, slug="p", kind=kind, base_url=api.url, **OTHERS[kind], **fields)
        provider = set_credentials(provider, AWS if kind == "bedrock" else {"api_key": KEY})
        return api, create_model(provider, name="m")

    return make


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        (400, ProviderRejected, 1),
        (401, ProviderAuthFailed, 1),
        (429, ProviderRateLimited, 4),
        (503, ProviderUnavailable, 4),
    ],
    ids=lambda case: str(case[0]),
)
def test_every_kind_of_client_fails_alike(
    kind: str, streaming: bool, case: tuple[int, type[ProviderError], int], other_model: OtherModel, patience: Patience
) -> None:
    status, error, requests = case
    api, row = other_model(kind, status)
    with pytest.raises(error) as caught:
        drain(assemble(row, patience)) if streaming else ask(assemble(row, patience))
    assert type(caught.value) is error
    assert len(api.requests) == requests


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize(("behaviour", "error"), [("close", ProviderUnavailable), ("hang", ProviderTimeout)])
def test_every_kind_of_client_notices_a_broken_connection(
    kind: str, behaviour: str, error: type[ProviderError], other_model: OtherModel, patience: Patience
) -> None:
    _, row = other_model(kind, behaviour, timeout_s=0.3)
    with pytest.raises(error):
        ask(assemble(row, patience))


def test_nobody_listening_is_unavailable(workspace: Workspace, patience: Patience) -> None:
    provider = create_provider(workspace.id, slug="gone", kind="local", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ProviderUnavailable):
        ask(assemble(create_model(provider, name="m"), patience))


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_what_utf8_cannot_carry_is_replaced_before_it_is_sent(
    kind: str, other_model: OtherModel, patience: Patience
) -> None:
    api, row = other_model(kind, 400)
    request = ModelRequest(parts=[UserPromptPart("odd \ud800 and \x00")])
    with pytest.raises(ProviderRejected):
        asyncio.run(model_request(assemble(row, patience), [request]))
    assert "odd ? and \\u0000" in json.dumps(api.requests[0][2])
    assert request.parts[0].content == "odd \ud800 and \x00"


def test_a_redirect_is_not_followed(served_model: ServedModel, serve: Serve, patience: Patience) -> None:
    elsewhere = serve("ok")
    api, row = served_model(f"redirect:{elsewhere.url}/chat/completions")
    with pytest.raises(ProviderMalformed):
        ask(assemble(row, patience))
    assert len(api.requests) == 2
    assert elsewhere.requests == []


def test_an_address_is_judged_again_at_every_connection(
    served_model: ServedModel, patience: Patience, settings: Settings
) -> None:
    api, row = served_model("ok")
    row.provider.kind = "openai_compatible"  # as if its name had come to resolve to this machine after it was saved
    with pytest.raises(ProviderRejected) as caught:
        ask(assemble(row, patience))
    assert caught.value.attempts == 1
    assert api.requests == []
    settings.CEF_ALLOW_PRIVATE_PROVIDERS = True
    assert ask(assemble(row, patience)).text == "hello"


def test_all_goes_through_the_egress_proxy_where_there_is_one(
    workspace: Workspace, serve: Serve, patience: Patience, settings: Settings
) -> None:
    proxy = serve("ok")
    settings.CEF_EGRESS_PROXY = proxy.url.removesuffix("/v1")
    provider = create_provider(workspace.id, slug="p", kind="openai_compatible", base_url="http://8.8.8.8/v1")
    assert ask(assemble(create_model(provider, name="m"), patience)).text == "hello"
    assert proxy.requests[0][0] == "http://8.8.8.8/v1/chat/completions"


def test_one_model_serves_many_event_loops(served_model: ServedModel, patience: Patience) -> None:
    api, row = served_model("ok")
    model = assemble(row, patience)
    assert [ask(model).text for _ in range(3)] == ["hello"] * 3
    assert len(api.requests) == 3


def test_the_fallback_serves_while_the_first_is_down(served_model: ServedModel, patience: Patience) -> None:
    down, row = served_model(503, slug="first")
    up, other = served_model("ok", slug="second")
    update_model(row, fallback=other)
    model = assemble(models_with_fallbacks().get(pk=row.pk), patience)
    response = ask(model)
    assert (response.text, response.metadata) == ("hello", {"model": "second:m"})
    assert serving_row(models_with_fallbacks().get(pk=row.pk), response) == other
    assert (len(down.requests), len(up.requests)) == (4, 1)


def test_a_fallback_that_is_switched_off_is_left_out(served_model: ServedModel, patience: Patience) -> None:
    _, row = served_model(503, slug="first")
    up, other = served_model("ok", slug="second")
    update_model(other, is_active=False)
    update_model(row, fallback=other)
    with pytest.raises(ProviderUnavailable):
        ask(assemble(models_with_fallbacks().get(pk=row.pk), patience))
    assert up.requests == []


def test_embeddings_come_in_batches_and_as_unit_vectors(served_model: ServedModel) -> None:
    api, row = served_model(500, "ok")
    embedder = build_embedder(create_embedding_model(row.provider, name="e", dimensions=2))
    vectors = embedder.embed(["a"] * 100)
    assert vectors.shape == (100, 2)
    assert vectors[99].tolist() == pytest.approx([0.6, 0.8])
    assert [len(body["input"]) for _, _, body in api.requests] == [96, 96, 4]


def test_embeddings_of_another_length_are_refused(served_model: ServedModel) -> None:
    _, row = served_model("ok")
    embedder = build_embedder(create_embedding_model(row.provider, name="e", dimensions=3))
    with pytest.raises(ProviderMalformed, match="2 dimensions instead of 3"):
        embedder.embed(["a"])
