"""What a run may spend."""

from decimal import Decimal

import pytest

from apps.runs.limits import Limits, Spent, exhausted


def test_it_works() -> None:
    assert exhausted(Limits(steps=3), Spent(steps=2)) is None
    assert exhausted(Limits(steps=3), Spent(steps=3)) == "The run has used its 3 steps."


@pytest.mark.parametrize(
    ("limits", "spent"),
    [
        (Limits(tokens=100), Spent(tokens=100)),
        (Limits(tokens=100), Spent(tokens=101)),
        (Limits(usd=0.1), Spent(usd=Decimal("0.1"))),
    ],
)
def test_a_reached_ceiling_refuses(limits: Limits, spent: Spent) -> None:
    assert exhausted(limits, spent) is not None


def test_without_limits_nothing_refuses() -> None:
    assert exhausted(Limits(), Spent(steps=10**6, tokens=10**9, usd=Decimal(10**6))) is None


def test_a_caller_lowers_and_never_raises() -> None:
    agents = Limits(steps=10, usd=1.0)
    assert agents.tightened_by(Limits(steps=50, usd=0.5, seconds=9.0)) == Limits(steps=10, usd=0.5, seconds=9.0)


def test_what_is_stored_comes_back_and_foreign_keys_are_ignored() -> None:
    limits = Limits(steps=10, seconds=2.5)
    assert limits.stored() == {"steps": 10, "seconds": 2.5}
    assert Limits.of(limits.stored() | {"of_a_later_version": 1}) == limits
