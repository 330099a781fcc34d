"""What a call costs, from the row's own prices or the published ones."""

from decimal import Decimal

import pytest

from apps.providers.models import LanguageModel, Provider
from apps.providers.prices import cost_usd


def model(kind: str, name: str, *, base_url: str = "", **prices: Decimal) -> LanguageModel:
    return LanguageModel(name=name, provider=Provider(slug="p", kind=kind, base_url=base_url), **prices)


@pytest.mark.parametrize(
    ("kind", "name", "usd"),
    [
        ("openai", "gpt-4o", "0.0035"),
        ("anthropic", "claude-sonnet-4-5", "0.0045"),
        ("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "0.0045"),
    ],
)
def test_it_works(kind: str, name: str, usd: str) -> None:
    assert cost_usd(model(kind, name), 1000, 100) == Decimal(usd)


def test_cached_tokens_are_cheaper() -> None:
    assert cost_usd(model("openai", "gpt-4o"), 1000, 100, cache_read_tokens=500) == Decimal("0.002875")


def test_odd_usage_is_priced_all_the_same() -> None:
    assert cost_usd(model("openai", "gpt-4o"), 100, 0, cache_read_tokens=500) == Decimal("0.000125")


@pytest.mark.parametrize("prices", [{}, {"input_price": Decimal(1), "output_price": Decimal(1)}])
def test_a_figure_below_zero_costs_nothing_and_an_absurd_one_is_cut(prices: dict[str, Decimal]) -> None:
    priced = model("openai", "gpt-4o", **prices)
    assert cost_usd(priced, -1000, 100, cache_read_tokens=-5) == cost_usd(priced, 0, 100)
    assert cost_usd(priced, 0, 10**30) == cost_usd(priced, 0, 2**31 - 1)


def test_a_known_gateway_is_known_by_its_address() -> None:
    gateway = model("openai_compatible", "openai/gpt-4o", base_url="https://openrouter.ai/api/v1")
    assert cost_usd(gateway, 1000, 100) == Decimal("0.0035")


@pytest.mark.parametrize(
    ("kind", "name", "url"),
    [("openai", "no-such-model", ""), ("openai_compatible", "gpt-4o", "https://llm.example.org/v1")],
)
def test_an_unknown_price_is_none_and_not_zero(kind: str, name: str, url: str) -> None:
    assert cost_usd(model(kind, name, base_url=url), 1000, 100) is None


@pytest.mark.parametrize("kind", ["local", "scripted"])
def test_embedded_and_scripted_models_cost_nothing(kind: str) -> None:
    assert cost_usd(model(kind, "gpt-4o"), 1000, 100) == Decimal(0)


@pytest.mark.parametrize("kind", ["openai", "scripted"])
def test_the_rows_prices_win(kind: str) -> None:
    priced = model(kind, "gpt-4o", input_price=Decimal("2"), output_price=Decimal("8.5"))
    assert cost_usd(priced, 1_000_000, 100_000) == Decimal("2.85")


def test_one_price_alone_leaves_the_other_free() -> None:
    assert cost_usd(model("openai", "gpt-4o", output_price=Decimal("10")), 1_000_000, 1_000) == Decimal("0.01")
