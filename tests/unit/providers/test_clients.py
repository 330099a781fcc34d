"""Clients of the providers' APIs take nothing from the environment and leave retrying to us."""

from typing import Any

import pytest
from pydantic_ai.models import Model
from pytest_django.fixtures import Settings

from apps.core.exceptions import InvalidInput
from apps.core.ids import new_id
from apps.providers.clients import client_module, provider_http
from apps.providers.credentials import seal
from apps.providers.exceptions import UnknownEmbedder
from apps.providers.factory import assemble_one
from apps.providers.models import LanguageModel, Provider

GATEWAY = "https://llm.example.org/v1"
KEY = "sk-0123456789abcdef"
ENVIRONMENT = {
    "OPENAI_API_KEY": "env-key",
    "OPENAI_ADMIN_KEY": "env-admin",
    "OPENAI_ORG_ID": "env-org",
    "OPENAI_PROJECT_ID": "env-project",
    "OPENAI_BASE_URL": "https://env.example.org",
    "OPENAI_CUSTOM_HEADERS": "X-Env: env",
    "ANTHROPIC_API_KEY": "env-key",
    "ANTHROPIC_AUTH_TOKEN": "env-token",
    "ANTHROPIC_BASE_URL": "https://env.example.org",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Env: env",
    "GOOGLE_API_KEY": "env-key",
    "GEMINI_API_KEY": "env-key",
    "GOOGLE_GEMINI_BASE_URL": "https://env.example.org",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "AWS_ACCESS_KEY_ID": "env-key",
    "AWS_SECRET_ACCESS_KEY": "env-secret",
    "AWS_SESSION_TOKEN": "env-token",
    "AWS_BEARER_TOKEN_BEDROCK": "env-bearer",
    "AWS_PROFILE": "no-such-profile",
    "AWS_ENDPOINT_URL": "https://env.example.org",
    "AWS_DEFAULT_REGION": "mars-north-1",
    "HTTPS_PROXY": "http://env.example.org:3128",
}


@pytest.fixture(autouse=True)
def _misleading_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def a_model(kind: str, *, credentials: dict[str, str] | None = None, name: str = "m", **fields: Any) -> Model:
    provider = Provider(workspace_id=new_id(), slug="acme", kind=kind, timeout_s=30.0, **fields)
    if credentials is None:
        credentials = {"api_key": KEY}
    if credentials:
        provider.credentials = seal(provider, credentials).token
    return assemble_one(
        LanguageModel(name=name, provider=provider, max_output_tokens=99, settings={"top_p": 0.5})
    ).wrapped  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "fields", "url", "class_name"),
    [
        ("openai", {}, "https://api.openai.com/v1/", "OpenAIResponsesModel"),
        ("openai", {"settings": {"api": "chat"}}, "https://api.openai.com/v1/", "OpenAIChatModel"),
        (
            "openai_compatible",
            {"base_url": "https://llm.example.org/v1"},
            "https://llm.example.org/v1/",
            "OpenAIChatModel",
        ),
        (
            "openai_compatible",
            {"base_url": GATEWAY, "settings": {"api": "responses"}},
            GATEWAY,
            "OpenAIResponsesModel",
        ),
        ("local", {}, "http://127.0.0.1:8089/v1/", "OpenAIChatModel"),
        ("anthropic", {}, "https://api.anthropic.com", "AnthropicModel"),
        ("google", {}, "https://generativelanguage.googleapis.com/", "GoogleModel"),
        (
            "bedrock",
            {"settings": {"region": "eu-west-1"}},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "BedrockConverseModel",
        ),
    ],
)
def test_it_works(kind: str, fields: dict[str, Any], url: str, class_name: str, settings: Settings) -> None:
    settings.CEF_LOCAL_MODEL_URL = "http://127.0.0.1:8089/v1"
    model = a_model(kind, **fields)
    assert type(model).__name__ == class_name
    assert (model.base_url or "").rstrip("/") == url.rstrip("/")
    assert model.settings == {"top_p": 0.5, "max_tokens": 99}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_sdks_take_only_what_the_row_says(kind: str) -> None:
    client = a_model(kind).client  # type: ignore[attr-defined]
    assert client.api_key == KEY
    assert client.max_retries == 0
    assert client.timeout == 30.0
    assert "X-Env" not in client.default_headers
    assert not any("env-" in str(value) for value in client.default_headers.values())
    assert not client._client._trust_env


def test_openai_organization_and_project_come_from_the_row() -> None:
    client = a_model("openai", settings={"organization": "org-1", "project": "proj-1"}).client  # type: ignore[attr-defined]
    assert (client.organization, client.project) == ("org-1", "proj-1")
    assert (a_model("openai").client.organization, a_model("openai").client.project) == (None, None)  # type: ignore[attr-defined]


def test_an_unauthenticated_server_gets_no_key_of_the_environment() -> None:
    model = a_model("openai_compatible", credentials={}, base_url=GATEWAY)
    assert model.client.api_key == "none"  # type: ignore[attr-defined]
    assert model.system == "acme"


def test_google_takes_only_what_the_row_says() -> None:
    client = a_model("google").client._api_client  # type: ignore[attr-defined]
    assert (client.api_key, client.vertexai) == (KEY, False)
    assert client._http_options.headers["x-goog-api-key"] == KEY
    assert client._http_options.retry_options.attempts == 1


def test_bedrock_takes_only_what_the_row_says() -> None:
    aws = {"aws_access_key_id": "AKIA0123", "aws_secret_access_key": "s" * 40}
    client = a_model("bedrock", credentials=aws, settings={"region": "eu-west-1"}).client  # type: ignore[attr-defined]
    used = client._request_signer._credentials
    assert (used.access_key, used.secret_key, used.token) == ("AKIA0123", "s" * 40, None)
    assert client._request_signer._auth_token is None
    assert client._request_signer.signature_version == "v4"
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert (client.meta.config.read_timeout, client.meta.config.connect_timeout) == (30.0, 5.0)
    assert client.meta.region_name == "eu-west-1"


def test_bedrock_with_an_api_key_looks_for_no_other() -> None:
    client = a_model("bedrock", settings={"region": "eu-west-1"}).client  # type: ignore[attr-defined]
    assert client._request_signer._auth_token.token == KEY
    assert client._request_signer._credentials is None


@pytest.mark.parametrize(("kind", "code"), [("bedrock", "region_missing"), ("openai_compatible", "base_url_missing")])
def test_what_a_kind_needs_is_said(kind: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        a_model(kind)
    assert caught.value.code == code


@pytest.mark.parametrize("options", [{"api": "graphql"}, {"region": "../evil"}, {"headers": {}}, {"api_key": "x"}])
def test_odd_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        a_model("openai", settings=options)


def test_anthropic_has_no_embeddings() -> None:
    provider = Provider(workspace_id=new_id(), slug="acme", kind="anthropic", timeout_s=30.0)
    with pytest.raises(UnknownEmbedder):
        client_module("anthropic").embedding_model(provider, "m", provider_http(provider))
