"""From a row to a model that answers: client, retries, rate limit, fallback. One of each per process."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from threading import Lock
from typing import Any, Final, cast

from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.settings import ModelSettings

from apps.core import redis
from apps.providers.clients import build_client
from apps.providers.credentials import unseal
from apps.providers.exceptions import ModelSwitchedOff
from apps.providers.fallback import FallbackChain
from apps.providers.kinds import ProviderKind
from apps.providers.models import LanguageModel, Provider
from apps.providers.options import model_options, provider_options
from apps.providers.ratelimit import Rate, RateLimiter, SharedMeter
from apps.providers.resilience import Endpoint, Patience, ResilientModel
from apps.providers.script import parse_script
from apps.providers.scripted import ScriptedModel

LONGEST_CHAIN: Final = 3
_CAPACITY: Final = 256

_cache: OrderedDict[Hashable, Model] = OrderedDict()
_cache_lock: Final = Lock()


def build_model(model: LanguageModel) -> Model:
    """The model of a row and its fallbacks; the same object until the row or its provider changes.

    Takes its row from `selectors.models_with_fallbacks`, or makes a query for each relation that is missing. Building
    one takes 10 to 20 ms of CPU, finding it again microseconds. Raises ModelSwitchedOff, InvalidCredentials,
    Undecryptable.
    """
    key = tuple((row.id, row.updated_at, row.provider.updated_at) for row in chain(model))
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    built = assemble(model)
    with _cache_lock:
        _cache[key] = built
        while len(_cache) > _CAPACITY:
            _cache.popitem(last=False)
    return built


def assemble(model: LanguageModel, patience: Patience | None = None) -> Model:
    """A new model of a row and its fallbacks, which no cache knows. A fallback that is switched off is left out."""
    first, *others = chain(model)
    if not is_on(first):
        raise ModelSwitchedOff(f"The model {first} is switched off.", model=str(first))
    models = [_resilient(row, patience) for row in (first, *filter(is_on, others))]
    return models[0] if len(models) == 1 else FallbackChain(models)


def chain(model: LanguageModel) -> Iterator[LanguageModel]:
    """The model and its fallbacks, at most LONGEST_CHAIN rows."""
    row: LanguageModel | None = model
    for _ in range(LONGEST_CHAIN):
        if row is None:
            return
        yield row
        row = row.fallback


def is_on(model: LanguageModel) -> bool:
    """Whether requests may go to the model."""
    return model.is_active and model.provider.enabled


def forget_models() -> None:
    """Empty this process's cache."""
    with _cache_lock:
        _cache.clear()


def _resilient(row: LanguageModel, patience: Patience | None) -> ResilientModel:
    provider = row.provider
    secrets = () if provider.kind == ProviderKind.SCRIPTED else tuple(unseal(provider).values())
    endpoint = Endpoint(provider.slug, row.name, provider.timeout_s, secrets)
    return ResilientModel(_bare(row), endpoint, _limiter(provider), patience)


def _limiter(provider: Provider) -> RateLimiter | None:
    if provider.requests_per_minute is None:
        return None
    return RateLimiter(f"rate:v1:provider:{provider.id}", Rate.per_minute(provider.requests_per_minute), _meter())


@cache
def _meter() -> SharedMeter:
    return SharedMeter(redis.client, name=redis.key)


def _bare(row: LanguageModel) -> Model:
    """The model as its library makes it."""
    if row.provider.kind == ProviderKind.SCRIPTED:
        return ScriptedModel(row.name, parse_script(row.script), provider=row.provider.slug)
    return _model_class(row.provider)(row.name, provider=build_client(row.provider), settings=_settings(row))


def _model_class(provider: Provider) -> Callable[..., Model]:
    api = provider_options(provider.settings).api
    if provider.kind in _MODELS:
        return _MODELS[provider.kind]
    responses = api == "responses" or (api is None and provider.kind == ProviderKind.OPENAI)
    return OpenAIResponsesModel if responses else OpenAIChatModel


_MODELS: Final[dict[str, Callable[..., Model]]] = {
    ProviderKind.ANTHROPIC: AnthropicModel,
    ProviderKind.GOOGLE: GoogleModel,
    ProviderKind.BEDROCK: BedrockConverseModel,
}


def _settings(row: LanguageModel) -> ModelSettings:
    given: dict[str, Any] = model_options(row.settings).model_dump(exclude_none=True)
    if row.max_output_tokens is not None:
        given.setdefault("max_tokens", row.max_output_tokens)
    return cast(ModelSettings, given)
