"""What a model call costs: the row's own prices, else the published ones that `genai-prices` ships. No network."""

from decimal import Decimal
from typing import Final

from genai_prices import Usage

from apps.providers.kinds import ProviderKind
from apps.providers.models import LanguageModel
from apps.providers.published import published_price

_FREE: Final = frozenset({ProviderKind.LOCAL, ProviderKind.SCRIPTED})
_MILLION: Final = Decimal(1_000_000)
_MOST_TOKENS: Final = 2**31 - 1


def cost_usd(
    model: LanguageModel,
    input_tokens: int,
    output_tokens: int,
    *,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
) -> Decimal | None:
    """USD for these tokens, or None when the model's price is unknown.

    `input_tokens` includes the cached ones. The row's prices win; they charge cached tokens in full. An embedded or a
    scripted model without prices of its own costs nothing. A provider's figures may be odd: below zero they cost
    nothing, or a budget would grow by them.
    """
    input_tokens, output_tokens = _plausible(input_tokens), _plausible(output_tokens)
    if model.input_price is not None or model.output_price is not None:
        return _own_price(model, input_tokens, output_tokens)
    if model.provider.kind in _FREE:
        return Decimal(0)
    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=min(_plausible(cache_read_tokens), input_tokens) or None,
        cache_write_tokens=min(_plausible(cache_write_tokens), input_tokens) or None,
    )
    return published_price(model.provider, model.name, usage)


def _plausible(tokens: int) -> int:
    return min(max(tokens, 0), _MOST_TOKENS)


def _own_price(model: LanguageModel, input_tokens: int, output_tokens: int) -> Decimal:
    input_price, output_price = model.input_price or Decimal(0), model.output_price or Decimal(0)
    return (input_tokens * input_price + output_tokens * output_price) / _MILLION
