"""The suite's own servers serve every test."""

import os

import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_each_worker_has_a_database_with_vectors() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,2]'::vector(2) <-> '[1,2]'::vector(2), current_user")
        assert cursor.fetchone() == (0.0, "cef_owner")


def test_each_worker_has_its_own_valkey_prefix() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    assert f"test:{worker}:" == settings.CEF_REDIS_PREFIX
    assert redis.Redis.from_url(settings.REDIS_URL).ping() is True
