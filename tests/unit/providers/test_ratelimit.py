"""No minute sees more requests than the limit, whatever the arrivals."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.ratelimit import LONGEST_WAIT_S, LocalMeter, Rate, RateLimiter
from tests.unit.providers.doubles import HeldClock


def test_it_works() -> None:
    meter, rate = LocalMeter(HeldClock()), Rate.per_minute(6)
    assert [meter.book("k", rate, 60.0) for _ in range(3)] == [0.0, 10.0, 20.0]


def test_keys_do_not_share_places() -> None:
    meter, rate = LocalMeter(HeldClock()), Rate.per_minute(1)
    assert [meter.book(key, rate, 60.0) for key in ("a", "b", "a")] == [0.0, 0.0, 60.0]


def test_a_tenth_may_come_at_once() -> None:
    meter, rate = LocalMeter(HeldClock()), Rate.per_minute(60)
    waits = [meter.book("k", rate, 60.0) or 0.0 for _ in range(8)]
    assert waits == pytest.approx([0.0] * 6 + [60 / 55, 120 / 55], abs=1e-9)


def test_too_long_a_wait_books_nothing() -> None:
    clock = HeldClock()
    meter, rate = LocalMeter(clock), Rate.per_minute(1)
    assert [meter.book("k", rate, limit) for limit in (0.0, 59.0, 59.0, 60.0)] == [0.0, None, None, 60.0]


@given(
    limit=st.integers(1, 500),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=400),
)
def test_no_minute_sees_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    clock = HeldClock()
    meter, rate = LocalMeter(clock), Rate.per_minute(limit)
    served = []
    for gap in gaps:
        clock.time += gap
        wait = meter.book("k", rate, 1e9)
        assert wait is not None
        served.append(clock.time + wait)
    busiest = max(sum(1 for other in served if start <= other < start + 60 - 1e-6) for start in served)
    assert busiest <= limit


def test_the_limiter_sleeps_for_its_place() -> None:
    clock = HeldClock()
    limiter = RateLimiter("k", Rate.per_minute(2), LocalMeter(clock), sleep=clock.sleep)

    async def thrice() -> list[bool]:
        return [await limiter.wait(45.0), await limiter.wait(45.0), await limiter.wait(20.0)]

    assert asyncio.run(thrice()) == [True, True, False]
    assert clock.slept == [30.0]


def test_nobody_waits_longer_than_the_ceiling() -> None:
    clock = HeldClock()
    meter, rate = LocalMeter(clock), Rate.per_minute(1)
    limiter = RateLimiter("k", rate, meter, sleep=clock.sleep)
    for _ in range(7):
        meter.book("k", rate, 1e9)
    assert not asyncio.run(limiter.wait(float("inf")))
    assert LONGEST_WAIT_S == 300.0
    assert clock.slept == []
