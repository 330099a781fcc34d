"""Which fallback chains are allowed. Pure."""

from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from apps.providers.exceptions import FallbackRefused

LONGEST_CHAIN: Final = 3

K = TypeVar("K", bound=Hashable)


def refuse_bad_chain(fallbacks: Mapping[K, K | None], changed: K) -> None:
    """Refuse a chain through `changed` that comes back to itself or has more than LONGEST_CHAIN models.

    `fallbacks` maps every model to the one that stands in for it. Raises FallbackRefused.
    """
    below = _chain(fallbacks, changed)
    if len(_above(fallbacks, changed)) + len(below) - 1 > LONGEST_CHAIN:
        raise FallbackRefused(f"A fallback chain may have at most {LONGEST_CHAIN} models.")


def _chain(fallbacks: Mapping[K, K | None], start: K) -> list[K]:
    chain: list[K] = []
    model: K | None = start
    while model is not None:
        if model in chain:
            raise FallbackRefused("A fallback chain may not come back to itself.")
        chain.append(model)
        model = fallbacks.get(model)
    return chain


def _above(fallbacks: Mapping[K, K | None], end: K) -> list[K]:
    """The longest chain that ends in `end`."""
    ends = [_above(fallbacks, model) for model, fallback in fallbacks.items() if fallback == end]
    return [*max(ends, key=len, default=[]), end]
