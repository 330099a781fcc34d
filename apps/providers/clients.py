"""The clients of the providers' own APIs: explicit credentials, addresses and timeouts, nothing from the environment.

The SDKs' own retries are off, so that the rules of `retry.py` are the only ones.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
from anthropic import AsyncAnthropic
from botocore.config import Config
from botocore.session import Session
from botocore.tokens import FrozenAuthToken
from django.conf import settings
from google.genai.types import HttpRetryOptions
from httpx2 import AsyncClient
from openai import AsyncOpenAI
from pydantic_ai.providers import Provider as Client
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from apps.core.exceptions import InvalidInput
from apps.providers.addresses import allowed_addresses
from apps.providers.credentials import unseal
from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider
from apps.providers.options import provider_options
from apps.providers.transport import http_client

_NO_KEY: Final = "none"
_CONNECT_TIMEOUT_S: Final = 5.0
_AWS_CONNECTIONS: Final = 64
# What boto3 would otherwise take from the environment or from files of the user the process runs as.
_AWS_ISOLATION: Final[dict[str, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def base_url(provider: Provider) -> str:
    """The address that requests go to, also when the row leaves it to the kind."""
    if provider.base_url or provider.kind != ProviderKind.LOCAL:
        return provider.base_url
    url: str = settings.CEF_LOCAL_MODEL_URL
    return url


def build_client(provider: Provider) -> Client[Any]:
    """The client of a provider's API. Raises InvalidCredentials when there are none, Undecryptable."""
    return _BUILDERS[provider.kind](provider, unseal(provider))


def _http(provider: Provider) -> AsyncClient:
    return http_client(allowed=allowed_addresses(provider.kind), timeout_s=provider.timeout_s)


def _openai_sdk(provider: Provider, credentials: Mapping[str, str], default_url: str) -> AsyncOpenAI:
    options = provider_options(provider.settings)
    client = AsyncOpenAI(
        api_key=credentials.get("api_key", _NO_KEY),
        admin_api_key="",
        webhook_secret="",
        base_url=base_url(provider) or default_url,
        max_retries=0,
        timeout=provider.timeout_s,
        http_client=_http(provider),
    )
    # What the SDK takes from OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS when it is given None.
    client.organization, client.project = options.organization, options.project
    client._custom_headers = {}
    return client


def _openai(provider: Provider, credentials: Mapping[str, str]) -> Client[Any]:
    return OpenAIProvider(openai_client=_openai_sdk(provider, credentials, "https://api.openai.com/v1"))


def _openai_compatible(provider: Provider, credentials: Mapping[str, str]) -> Client[Any]:
    if not base_url(provider):
        raise InvalidInput("An OpenAI-compatible provider needs a base URL.", code="base_url_missing")
    return OpenAICompatibleProvider(provider.slug, openai_client=_openai_sdk(provider, credentials, ""))


def _anthropic(provider: Provider, credentials: Mapping[str, str]) -> Client[Any]:
    client = AsyncAnthropic(
        api_key=credentials["api_key"],
        webhook_key="",
        base_url=provider.base_url or "https://api.anthropic.com",
        max_retries=0,
        timeout=provider.timeout_s,
        http_client=_http(provider),
    )
    # What the SDK takes from ANTHROPIC_CUSTOM_HEADERS.
    client._custom_headers = {}
    return AnthropicProvider(anthropic_client=client)


def _google(provider: Provider, credentials: Mapping[str, str]) -> Client[Any]:
    return GoogleProvider(
        api_key=credentials["api_key"],
        base_url=provider.base_url or "https://generativelanguage.googleapis.com",
        http_client=_http(provider),
        retry_options=HttpRetryOptions(attempts=1),
    )


def _bedrock(provider: Provider, credentials: Mapping[str, str]) -> Client[Any]:
    region = provider_options(provider.settings).region
    if region is None:
        raise InvalidInput("A Bedrock provider needs a `region` in its settings.", code="region_missing")
    api_key = credentials.get("api_key")
    session = boto3.Session(
        botocore_session=_BearerSession(api_key) if api_key else Session(session_vars=_AWS_ISOLATION),
        region_name=region,
        **({} if api_key else credentials),
    )
    proxies = {"http": settings.CEF_EGRESS_PROXY, "https": settings.CEF_EGRESS_PROXY}
    config = Config(
        read_timeout=provider.timeout_s,
        connect_timeout=min(_CONNECT_TIMEOUT_S, provider.timeout_s),
        retries={"total_max_attempts": 1},
        max_pool_connections=_AWS_CONNECTIONS,
        ignore_configured_endpoint_urls=True,
        proxies=proxies if settings.CEF_EGRESS_PROXY else {},
        signature_version="bearer" if api_key else None,
    )
    client = session.client("bedrock-runtime", config=config, endpoint_url=provider.base_url or None)
    return BedrockProvider(bedrock_client=client)


class _BearerSession(Session):  # type: ignore[misc]  # botocore is untyped
    """A session that signs with a Bedrock API key and looks for no other credentials."""

    def __init__(self, token: str) -> None:
        super().__init__(session_vars=_AWS_ISOLATION)
        self._token = token

    def get_auth_token(self, **_: object) -> FrozenAuthToken:
        return FrozenAuthToken(self._token)

    def get_credentials(self) -> None:
        return None


_BUILDERS: Final[dict[str, Callable[[Provider, Mapping[str, str]], Client[Any]]]] = {
    ProviderKind.OPENAI_COMPATIBLE: _openai_compatible,
    ProviderKind.OPENAI: _openai,
    ProviderKind.ANTHROPIC: _anthropic,
    ProviderKind.GOOGLE: _google,
    ProviderKind.BEDROCK: _bedrock,
    ProviderKind.LOCAL: _openai_compatible,
}
