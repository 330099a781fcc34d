"""From a row to a model that answers: client, retries, rate limit, fallback. One of each per process."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from functools import cache
from threading import Lock
from typing import Any, Final, cast

from httpx2 import AsyncClient
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from apps.core import redis
from apps.providers.chains import LONGEST_CHAIN
from apps.providers.clients import client_module, provider_http
from apps.providers.credentials import unseal
from apps.providers.embeddings import Embedder, get_embedder
from apps.providers.embeddings.remote import ProviderEmbedder
from apps.providers.exceptions import ModelSwitchedOff
from apps.providers.fallback import FallbackChain
from apps.providers.kinds import ProviderKind
from apps.providers.models import EmbeddingModel, LanguageModel, Provider
from apps.providers.options import model_options
from apps.providers.persistence import Endpoint, Patience, Persistence
from apps.providers.ratelimit import Rate, RateLimiter, SharedMeter
from apps.providers.resilience import SERVED_BY, ResilientModel
from apps.providers.script import parse_script
from apps.providers.scripted import ScriptedModel

_CAPACITY: Final = 256

_cache: OrderedDict[Hashable, Model] = OrderedDict()
_cache_lock: Final = Lock()


def build_model(model: LanguageModel) -> Model:
    """The model of a row and its fallbacks; the same object until the row or its provider changes.

    Takes its row from `selectors.models_with_fallbacks`, or makes a query for each relation that is missing. Building
    one takes 10 to 20 ms of CPU, and a second more for the first of a protocol; finding it again takes microseconds.
    Raises ModelSwitchedOff, InvalidCredentials, InvalidInput, Undecryptable.
    """
    key = stamp(model)
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
    models = [assemble_one(row, patience) for row in (first, *filter(is_on, others))]
    return models[0] if len(models) == 1 else FallbackChain(models)


def assemble_one(row: LanguageModel, patience: Patience | None = None, http: AsyncClient | None = None) -> Model:
    """A new model of this row alone, switched on or not; over the given HTTP client, whose life is the caller's."""
    return ResilientModel(_bare(row, http), _persistence(row.provider, row.name, patience))


def build_embedder(row: EmbeddingModel) -> Embedder:
    """The embedder of a row: the process's own for embedded models, a new one over a provider's API."""
    if row.provider is None:
        return get_embedder(row.name)
    return ProviderEmbedder(row, row.provider, _persistence(row.provider, row.name, None))


def chain(model: LanguageModel) -> Iterator[LanguageModel]:
    """The model and its fallbacks, at most LONGEST_CHAIN rows."""
    yield model
    for _ in range(LONGEST_CHAIN - 1):
        if model.fallback is None:
            return
        model = model.fallback
        yield model


def stamp(model: LanguageModel) -> Hashable:
    """What changes whenever `build_model` would build another model of this row."""
    return tuple((row.id, row.updated_at, row.provider.updated_at) for row in chain(model))


def serving_row(model: LanguageModel, response: ModelResponse) -> LanguageModel:
    """The row of the model, or of the fallback, that gave this response: the one whose price holds."""
    label = (response.metadata or {}).get(SERVED_BY)
    return next((row for row in chain(model) if str(row) == label), model)


def is_on(model: LanguageModel) -> bool:
    """Whether requests may go to the model."""
    return model.is_active and model.provider.enabled


def forget_models() -> None:
    """Empty this process's cache."""
    with _cache_lock:
        _cache.clear()


def _bare(row: LanguageModel, http: AsyncClient | None) -> Model:
    """The model as its library makes it."""
    provider = row.provider
    if provider.kind == ProviderKind.SCRIPTED:
        return ScriptedModel(row.name, parse_script(row.script), provider=provider.slug)
    return client_module(provider.kind).language_model(
        provider, row.name, _settings(row), http or provider_http(provider)
    )


def _settings(row: LanguageModel) -> ModelSettings:
    given: dict[str, Any] = model_options(row.settings).model_dump(exclude_none=True)
    if row.max_output_tokens is not None:
        given.setdefault("max_tokens", row.max_output_tokens)
    return cast(ModelSettings, given)


def _persistence(provider: Provider, model: str, patience: Patience | None) -> Persistence:
    secrets = () if provider.kind == ProviderKind.SCRIPTED else tuple(unseal(provider).values())
    endpoint = Endpoint(provider.slug, model, provider.timeout_s, secrets)
    return Persistence(endpoint, _limiter(provider), patience)


def _limiter(provider: Provider) -> RateLimiter | None:
    if provider.requests_per_minute is None:
        return None
    return RateLimiter(f"rate:v1:provider:{provider.id}", Rate.per_minute(provider.requests_per_minute), _meter())


@cache
def _meter() -> SharedMeter:
    return SharedMeter(redis.client, name=redis.key)
