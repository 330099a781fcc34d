"""What is published about hosted models, as `genai-prices` ships it: prices and context windows. No network."""

from decimal import Decimal
from typing import Final, TypedDict

from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider

_KNOWN_AS: Final[dict[str, str]] = {
    ProviderKind.OPENAI: "openai",
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.GOOGLE: "google",
    ProviderKind.BEDROCK: "aws",
}


class _Reference(TypedDict):
    provider_id: str | None
    provider_api_url: str | None


def published_price(provider: Provider, name: str, usage: Usage) -> Decimal | None:
    """USD for this usage of the model, or None when nothing is known of it."""
    reference = _reference(provider)
    try:
        if reference["provider_id"] is not None:
            return calc_price(usage, name, provider_id=reference["provider_id"]).total_price
        return calc_price(usage, name, provider_api_url=reference["provider_api_url"]).total_price
    except LookupError:
        return None


def published_context_window(provider: Provider, name: str) -> int | None:
    """The model's context window in tokens, or None when it is not known."""
    try:
        _, model = get_snapshot().find_provider_model(name, None, **_reference(provider))
    except LookupError:
        return None
    return model.context_window


def _reference(provider: Provider) -> _Reference:
    """A hosted API is known by its name, an OpenAI-compatible one by its address."""
    known_as = _KNOWN_AS.get(provider.kind)
    return _Reference(provider_id=known_as, provider_api_url=None if known_as else provider.base_url)
