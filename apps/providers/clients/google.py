"""Google's Gemini API, with an API key."""

from google.genai.types import HttpRetryOptions
from httpx2 import AsyncClient
from pydantic_ai.embeddings.google import GoogleEmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.settings import ModelSettings

from apps.providers.credentials import unseal
from apps.providers.models import Provider

_URL = "https://generativelanguage.googleapis.com"


def language_model(provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
    return GoogleModel(name, provider=_client(provider, http), settings=settings)


def embedding_model(provider: Provider, name: str, http: AsyncClient) -> GoogleEmbeddingModel:
    return GoogleEmbeddingModel(name, provider=_client(provider, http))


def _client(provider: Provider, http: AsyncClient) -> GoogleProvider:
    return GoogleProvider(
        api_key=unseal(provider)["api_key"],
        base_url=provider.base_url or _URL,
        http_client=http,
        retry_options=HttpRetryOptions(attempts=1),
    )
