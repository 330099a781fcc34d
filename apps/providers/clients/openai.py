"""OpenAI itself: the Responses API, or chat completions where the row says so."""

from httpx2 import AsyncClient
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from apps.providers.clients.openai_sdk import openai_sdk
from apps.providers.models import Provider
from apps.providers.options import provider_options

_URL = "https://api.openai.com/v1"


def language_model(provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
    chat = provider_options(provider.settings).api == "chat"
    model_class = OpenAIChatModel if chat else OpenAIResponsesModel
    return model_class(name, provider=_client(provider, http), settings=settings)


def embedding_model(provider: Provider, name: str, http: AsyncClient) -> OpenAIEmbeddingModel:
    return OpenAIEmbeddingModel(name, provider=_client(provider, http))


def _client(provider: Provider, http: AsyncClient) -> OpenAIProvider:
    return OpenAIProvider(openai_client=openai_sdk(provider, provider.base_url or _URL, http))
