"""Anthropic's API."""

from anthropic import AsyncAnthropic
from httpx2 import AsyncClient
from pydantic_ai.embeddings import EmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from apps.providers.credentials import unseal
from apps.providers.exceptions import UnknownEmbedder
from apps.providers.models import Provider

_URL = "https://api.anthropic.com"


def language_model(provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
    client = AsyncAnthropic(
        api_key=unseal(provider)["api_key"],
        webhook_key="",
        base_url=provider.base_url or _URL,
        max_retries=0,
        timeout=provider.timeout_s,
        http_client=http,
    )
    # The SDK takes these from ANTHROPIC_CUSTOM_HEADERS.
    client._custom_headers = {}
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client), settings=settings)


def embedding_model(provider: Provider, name: str, http: AsyncClient) -> EmbeddingModel:
    raise UnknownEmbedder("Anthropic offers no embedding models.")
