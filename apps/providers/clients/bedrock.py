"""Amazon Bedrock through boto3, which brings its own HTTP client and runs it in threads."""

import os
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.session import Session
from botocore.tokens import FrozenAuthToken
from django.conf import settings as django_settings
from httpx2 import AsyncClient
from pydantic_ai.embeddings.bedrock import BedrockEmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.settings import ModelSettings

from apps.core.exceptions import InvalidInput
from apps.providers.credentials import unseal
from apps.providers.models import Provider
from apps.providers.options import provider_options

_CONNECT_TIMEOUT_S: Final = 5.0
_CONNECTIONS: Final = 64
# What boto3 would otherwise take from the environment, or from files of the user that the process runs as.
_ISOLATION: Final[dict[str, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def language_model(provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
    return BedrockConverseModel(name, provider=_client(provider), settings=settings)


def embedding_model(provider: Provider, name: str, http: AsyncClient) -> BedrockEmbeddingModel:
    return BedrockEmbeddingModel(name, provider=_client(provider))


def _client(provider: Provider) -> BedrockProvider:
    region = provider_options(provider.settings).region
    if region is None:
        raise InvalidInput("A Bedrock provider needs a `region` in its settings.", code="region_missing")
    credentials = unseal(provider)
    token = credentials.pop("api_key", None)
    session = boto3.Session(
        botocore_session=_IsolatedSession(token),
        region_name=region,
        **credentials,
    )
    config = _config(provider, signature_version="bearer" if token else "v4")
    return BedrockProvider(
        bedrock_client=session.client("bedrock-runtime", config=config, endpoint_url=provider.base_url or None)
    )


def _config(provider: Provider, *, signature_version: str) -> Config:
    proxy = django_settings.CEF_EGRESS_PROXY
    return Config(
        read_timeout=provider.timeout_s,
        connect_timeout=min(_CONNECT_TIMEOUT_S, provider.timeout_s),
        retries={"total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        ignore_configured_endpoint_urls=True,
        proxies={"http": proxy, "https": proxy} if proxy else {},
        signature_version=signature_version,
    )


class _IsolatedSession(Session):  # type: ignore[misc]  # botocore is untyped
    """Knows the API key, or the AWS keys it is given later, and looks for no others."""

    def __init__(self, token: str | None) -> None:
        super().__init__(session_vars=_ISOLATION)
        self._token = token

    def get_auth_token(self, **_: object) -> FrozenAuthToken | None:
        return FrozenAuthToken(self._token) if self._token else None

    def get_credentials(self) -> Any:
        return None if self._token else super().get_credentials()
