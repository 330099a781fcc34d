"""How many tokens out a call may have under its ceilings."""

from decimal import Decimal

import pytest

from workers.engine.purse import Ceiling, Quote
from workers.engine.stops import BudgetExceeded

CENT = Decimal("0.01")


def cents(tokens_in: int, tokens_out: int) -> Decimal:
    """A cent for each token in, two for each token out."""
    return CENT * tokens_in + 2 * CENT * tokens_out


def nobody_knows(tokens_in: int, tokens_out: int) -> None:
    """The price of a model that no list has."""


def test_it_works():
    quote = Quote(100, 50, cents)
    assert quote.affordable([]) == 50
    assert quote.affordable([Ceiling(None, None), Ceiling(150, Decimal(2))]) == 50
    assert quote.usd(50) == 2


@pytest.mark.parametrize(
    ("ceiling", "allowed"),
    [
        (Ceiling(1_000, None), 900),
        (Ceiling(356, None), 256),
        (Ceiling(None, Decimal(7)), 300),
        (Ceiling(700, Decimal(7)), 300),
        (Ceiling(400, Decimal(100)), 300),
    ],
)
def test_the_answer_is_as_long_as_can_be_paid(ceiling, allowed):
    assert Quote(100, 4_000, cents).affordable([ceiling]) == allowed


@pytest.mark.parametrize(
    "ceiling", [Ceiling(355, None), Ceiling(100, None), Ceiling(-5, None), Ceiling(None, Decimal(6))]
)
def test_no_answer_that_would_be_cut_short(ceiling):
    with pytest.raises(BudgetExceeded, match="may cost more than is left"):
        Quote(100, 4_000, cents).affordable([ceiling])


def test_who_asks_for_little_gets_little():
    assert Quote(100, 10, cents).affordable([Ceiling(110, None)]) == 10
    with pytest.raises(BudgetExceeded):
        Quote(100, 10, cents).affordable([Ceiling(109, None)])


def test_without_a_price_no_budget_in_usd_is_kept():
    with pytest.raises(BudgetExceeded, match="price is unknown"):
        Quote(100, 10, nobody_knows).affordable([Ceiling(None, Decimal(1_000))])
    assert Quote(100, 10, nobody_knows).affordable([Ceiling(1_000, None)]) == 10


def test_a_free_model_fits_under_any_sum():
    assert Quote(100, 10, lambda _in, _out: Decimal(0)).affordable([Ceiling(None, Decimal(0))]) == 10
