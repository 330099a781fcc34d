"""A fallback chain neither comes back to itself nor grows long."""

from typing import Any

import pytest

from apps.providers.chains import refuse_bad_chain
from apps.providers.exceptions import FallbackRefused


@pytest.mark.parametrize(
    "fallbacks",
    [{"a": None}, {"a": "b"}, {"a": "b", "b": None}, {"a": "b", "b": "c"}, {"x": "a", "a": "b"}, {"x": "a", "y": "a"}],
)
def test_it_works(fallbacks: dict[str, Any]) -> None:
    refuse_bad_chain(fallbacks, "a")


@pytest.mark.parametrize(
    "fallbacks", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}, {"a": "b", "b": "b"}]
)
def test_a_ring_is_refused(fallbacks: dict[str, Any]) -> None:
    with pytest.raises(FallbackRefused, match="come back"):
        refuse_bad_chain(fallbacks, "a")


@pytest.mark.parametrize(
    "fallbacks",
    [{"a": "b", "b": "c", "c": "d"}, {"x": "a", "a": "b", "b": "c"}, {"w": "x", "x": "a", "a": "b"}],
)
def test_a_fourth_model_is_refused_from_wherever_it_comes(fallbacks: dict[str, Any]) -> None:
    with pytest.raises(FallbackRefused, match="at most 3"):
        refuse_bad_chain(fallbacks, "a")
