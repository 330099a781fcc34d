"""One client per process, for any number of threads."""

from concurrent.futures import ThreadPoolExecutor

from pytest_django.fixtures import Settings

from apps.core import redis


def test_keys_carry_the_installations_prefix(settings: Settings) -> None:
    settings.CEF_REDIS_PREFIX = "cef:"
    assert redis.key("lease:1") == "cef:lease:1"


def test_more_threads_than_connections_wait_and_succeed() -> None:
    counter = redis.key("counter")
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: redis.client().incr(counter), range(1_000)))
    redis.client().delete(counter)
    assert sorted(answers) == list(range(1, 1_001))
