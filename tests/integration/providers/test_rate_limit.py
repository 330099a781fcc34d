"""The rate limit holds across processes, through a real Valkey, and outlives its absence."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.accounts.models import Workspace
from apps.core import redis
from apps.core.ids import new_id
from apps.providers.exceptions import ProviderRateLimited
from apps.providers.factory import assemble
from apps.providers.ratelimit import Rate, RateLimiter, SharedMeter
from apps.providers.services import create_model, create_provider
from tests.integration.providers.test_requests import Sleeps, ask
from tests.unit.providers.doubles import HeldClock


def meter(client: Callable[[], Redis] = redis.client, **kwargs: HeldClock) -> SharedMeter:
    return SharedMeter(client, name=redis.key, **kwargs)


@pytest.fixture
def key() -> str:
    return f"rate:{new_id()}"


def test_it_works(key: str) -> None:
    rate = Rate.per_minute(6)
    waits = [meter().book(key, rate, 60.0) for _ in range(3)]
    assert waits == pytest.approx([0.0, 10.0, 20.0], abs=0.2)


def test_too_long_a_wait_books_nothing(key: str) -> None:
    rate = Rate.per_minute(1)
    waits = [meter().book(key, rate, limit) for limit in (0.0, 30.0, 30.0, 60.0)]
    assert waits[:3] == [0.0, None, None]
    assert waits[3] == pytest.approx(60.0, abs=0.2)


def test_places_are_shared_and_expire(key: str) -> None:
    meter().book(key, Rate.per_minute(60), 60.0)
    assert 1000 < redis.client().pttl(redis.key(key)) <= 3000


def test_many_threads_get_distinct_places(key: str) -> None:
    rate = Rate.per_minute(120)
    with ThreadPoolExecutor(16) as pool:
        waits = sorted(wait or 0.0 for wait in pool.map(lambda _: meter().book(key, rate, 300.0), range(100)))
    assert sum(1 for wait in waits if wait < 0.4) in (12, 13)
    spacing = [later - sooner for sooner, later in pairwise(waits[20:])]
    assert all(gap == pytest.approx(rate.interval_s, abs=0.3) for gap in spacing)
    assert waits[-1] == pytest.approx((100 - 12) * rate.interval_s, abs=1.0)


def test_many_tasks_wait_their_turn(key: str) -> None:
    async def rush() -> list[bool]:
        sleeps = Sleeps()
        limiters = [RateLimiter(key, Rate.per_minute(600), meter(), sleep=sleeps) for _ in range(2)]
        passed = await asyncio.gather(*(limiters[n % 2].wait(5.0) for n in range(120)))
        assert max(sleeps) <= 5.0
        return list(passed)

    passed = asyncio.run(rush())
    assert passed.count(True) == pytest.approx(60 + 5.0 / Rate.per_minute(600).interval_s, abs=6)


def nobody() -> Redis:
    return Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))


def test_without_redis_each_process_keeps_the_limit_by_itself(key: str, caplog: pytest.LogCaptureFixture) -> None:
    clock, rate = HeldClock(), Rate.per_minute(6)
    alone = meter(nobody, clock=clock)
    with caplog.at_level(logging.INFO, logger="apps.providers.ratelimit"):
        assert [alone.book(key, rate, 60.0) for _ in range(3)] == [0.0, 10.0, 20.0]
        clock.time += 6.0
        assert alone.book(key, rate, 60.0) == 24.0
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_redis_is_used_again_when_it_is_back(key: str, caplog: pytest.LogCaptureFixture) -> None:
    clock, rate = HeldClock(), Rate.per_minute(6)
    clients = [nobody(), redis.client()]
    flaky = meter(lambda: clients[0], clock=clock)
    flaky.book(key, rate, 60.0)
    assert redis.client().exists(redis.key(key)) == 0
    clients.pop(0)
    flaky.book(key, rate, 60.0)
    assert redis.client().exists(redis.key(key)) == 0
    clock.time += 6.0
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="apps.providers.ratelimit"):
        flaky.book(key, rate, 60.0)
    assert redis.client().exists(redis.key(key)) == 1
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_row_with_a_limit_is_held_to_it_and_one_without_books_nothing(workspace: Workspace) -> None:
    limited = create_provider(workspace.id, slug="slow", kind="scripted", requests_per_minute=1)
    free = create_provider(workspace.id, slug="free", kind="scripted")
    script = {"turns": [{"text": "ok"}], "repeat_last": True}
    slow, quick = (assemble(create_model(provider, name="m", script=script)) for provider in (limited, free))
    assert [ask(model).text for model in (slow, quick, quick, quick)] == ["ok"] * 4
    places = {provider.slug: f"rate:v1:provider:{provider.id}" for provider in (limited, free)}
    assert {slug: redis.client().exists(redis.key(place)) for slug, place in places.items()} == {"slow": 1, "free": 0}
    for _ in range(5):
        meter().book(places["slow"], Rate.per_minute(1), 1e6)
    with pytest.raises(ProviderRateLimited):
        ask(slow)
