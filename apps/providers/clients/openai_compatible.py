"""Anything that speaks OpenAI's protocol: vLLM, Ollama, gateways, and the embedded llama.cpp."""

from django.conf import settings as django_settings
from httpx2 import AsyncClient
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from apps.core.exceptions import InvalidInput
from apps.providers.clients.openai_sdk import openai_sdk
from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider
from apps.providers.options import provider_options


def language_model(provider: Provider, name: str, settings: ModelSettings, http: AsyncClient) -> Model:
    responses = provider_options(provider.settings).api == "responses"
    model_class = OpenAIResponsesModel if responses else OpenAIChatModel
    return model_class(name, provider=_client(provider, http), settings=settings)


def embedding_model(provider: Provider, name: str, http: AsyncClient) -> OpenAIEmbeddingModel:
    return OpenAIEmbeddingModel(name, provider=_client(provider, http))


def _client(provider: Provider, http: AsyncClient) -> OpenAICompatibleProvider:
    return OpenAICompatibleProvider(provider.slug, openai_client=openai_sdk(provider, _url(provider), http))


def _url(provider: Provider) -> str:
    """The row's address; the embedded model's is a setting, because its port may move."""
    url: str = provider.base_url
    if not url and provider.kind == ProviderKind.LOCAL:
        url = django_settings.CEF_LOCAL_MODEL_URL
    if not url:
        raise InvalidInput("An OpenAI-compatible provider needs a base URL.", code="base_url_missing")
    return url
