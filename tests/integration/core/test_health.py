"""What orchestrators are told."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.core import redis


@pytest.fixture
def no_redis(settings: Settings) -> object:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


def test_it_works(db: None) -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "redis": "ok"})


def test_a_redis_that_is_away_is_told_and_forgiven(db: None, no_redis: object) -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "redis": "unreachable"})
