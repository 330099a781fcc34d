"""The clients of the providers' own APIs, one module a protocol, loaded when first needed.

Loading all of them takes two seconds and a hundred megabytes, which no process should spend on providers it never asks.
Every client gets its credentials, address and timeouts from the row and nothing from the environment, and the SDKs' own
retries are off, so that the rules of `retry.py` are the only ones.
"""

from importlib import import_module
from typing import Final, Protocol, cast

from httpx2 import AsyncClient
from pydantic_ai.embeddings import EmbeddingModel as RemoteEmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from apps.providers.addresses import allowed_addresses
from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider
from apps.providers.transport import http_client

_MODULES: Final[dict[str, str]] = {
    ProviderKind.OPENAI_COMPATIBLE: "openai_compatible",
    ProviderKind.OPENAI: "openai",
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.GOOGLE: "google",
    ProviderKind.BEDROCK: "bedrock",
    ProviderKind.LOCAL: "openai_compatible",
}


class ClientModule(Protocol):
    """What each module of this folder offers. Raises InvalidCredentials, Undecryptable, InvalidInput."""

    def language_model(self, provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
        """A model over this HTTP client."""
        ...

    def embedding_model(self, provider: Provider, name: str, http: AsyncClient) -> RemoteEmbeddingModel:
        """An embedding model over this HTTP client."""
        ...


def client_module(kind: str) -> ClientModule:
    """The module that speaks this kind's protocol."""
    return cast(ClientModule, import_module(f"{__name__}.{_MODULES[kind]}"))


def provider_http(provider: Provider) -> AsyncClient:
    """An HTTP client for this provider; closing it is the caller's."""
    return http_client(allowed=allowed_addresses(provider.kind), timeout_s=provider.timeout_s)
