"""The doctor sees a newer database, a wrong eviction policy and the suite's healthy servers."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import redis
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.runs.models import Run
from tests.integration.runs.world import set_up_run
from workers.local import health
from workers.local.findings import Verdict
from workers.local.folders import make_folder
from workers.local.migrations import database_is_newer, database_is_older
from workers.local.valkey import ValkeyServer


@pytest.fixture
def database_url(transactional_db: None) -> str:
    parameters = connection.get_connection_params()
    place = f"{parameters['host']}:{parameters['port']}/{parameters['dbname']}"
    return f"postgresql://{parameters['user']}:{parameters['password']}@{place}"


@pytest.fixture
def valkey() -> Iterator[str]:
    """One of its own: its policy is about to be changed."""
    folder = make_folder(Path(tempfile.mkdtemp(prefix="cef-health-")))
    server = ValkeyServer(folder / "valkey", persistent=False)
    server.start(dies_with_parent=True)
    yield server.url
    server.kill()
    shutil.rmtree(folder)


def test_a_migrated_database_agrees_with_the_code(database_url: str) -> None:
    assert (database_is_newer(database_url), database_is_older(database_url)) == ([], [])
    findings = list(health.database(database_url))
    assert [finding.part for finding in findings if finding.verdict is Verdict.FINE] == ["database", "migrations"]


def test_suspects_that_nobody_takes_are_told(database_url: str, support: Workspace) -> None:
    run = set_up_run(support)
    assert list(health.suspects(database_url)) == []
    long_ago = timezone.now() - timedelta(minutes=6)
    Run.objects.filter(id=run.id).update(quarantined=True, queued_at=long_ago)
    (finding,) = health.suspects(database_url)
    assert (finding.verdict, finding.message) == (
        Verdict.NOTE,
        "1 runs wait in quarantine for over 5 minutes; is its process running?",
    )
    assert finding in list(health.database(database_url))


def test_a_server_that_may_lose_what_it_acknowledged_is_wrong(database_url: str) -> None:
    """The suite's own server is one."""
    (wrong,) = (finding for finding in health.database(database_url) if finding.verdict is Verdict.WRONG)
    assert wrong.message.startswith("fsync, full_page_writes, synchronous_commit off:")


def test_a_migration_that_the_code_lacks_means_a_newer_database(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as later:
        later.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('runs', '9999_later', now())")
        try:
            assert database_is_newer(database_url) == ["runs.9999_later"]
            finding = health.migrations(database_url)
        finally:
            later.execute("DELETE FROM django_migrations WHERE name = '9999_later'")
    assert finding.verdict is Verdict.WRONG
    assert "runs.9999_later" in finding.message


def test_an_empty_database_is_older_than_the_code() -> None:
    url = os.environ["DATABASE_URL"]
    finding = health.migrations(url)
    assert finding.verdict is Verdict.NOTE
    assert "make up" in finding.message


def test_a_valkey_that_never_evicts_is_fine_and_one_that_evicts_is_wrong(valkey: str) -> None:
    assert health.doorbell(valkey).verdict is Verdict.FINE
    redis.Redis.from_url(valkey).config_set("maxmemory-policy", "allkeys-lru")
    finding = health.doorbell(valkey)
    assert finding.verdict is Verdict.WRONG
    assert "allkeys-lru" in finding.message
