"""Readers that come and go miss nothing and get nothing twice: under load, without Redis, and across restarts."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from django.db import connection

from cli.sse import read_events
from tests.integration.live_support import Reader, Tenant, Worker, live_process, make_run, make_tenant
from workers.local.folders import make_folder
from workers.local.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)

READERS = 200
STEPS = 60


@pytest.fixture
def alice() -> Tenant:
    return make_tenant("alice")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A server of this test's own, to be killed; it keeps its port and starts empty."""
    with TemporaryDirectory(prefix="cef-live-") as folder:
        server = ValkeyServer(make_folder(Path(folder)) / "valkey", persistent=False)
        server.start(dies_with_parent=True)
        yield server
        server.kill()


def write(worker: Worker, pause_s: float, between: Callable[[int], None] = lambda n: None) -> None:
    """The whole life of a run."""
    try:
        worker.start()
        for n in range(1, STEPS + 1):
            worker.step(n)
            between(n)
            time.sleep(pause_s)
        worker.succeed()
    finally:
        connection.close()


async def follow_all(readers: list[Reader], *writers: Callable[[], None]) -> None:
    limits = httpx.Limits(max_connections=READERS + 20)
    async with httpx.AsyncClient(limits=limits, timeout=30) as http, asyncio.timeout(90), asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(reader.follow(http))
        for writer in writers:
            group.create_task(asyncio.to_thread(writer))


def assert_everything_once(readers: list[Reader]) -> None:
    whole = list(range(1, STEPS + 4))  # queued, started, the steps, succeeded
    assert [reader.numbers for reader in readers] == [whole] * len(readers)
    assert all([event.name for event in reader.seen].count("done") == 1 for reader in readers)
    assert all(reader.seen[-1].data == {"status": "succeeded"} for reader in readers)


def test_two_hundred_readers_get_each_event_once_through_reconnections(alice: Tenant) -> None:
    runs = [make_run(alice.workspace) for _ in range(4)]
    with live_process() as live:
        readers = [
            Reader(f"{live}/api/v1/runs/{runs[n % 4]}/events", alice.headers, chance=0.2 if n % 2 else 0.0)
            for n in range(READERS)
        ]
        asyncio.run(follow_all(readers, *(partial(write, Worker(run), 0.05) for run in runs)))
        assert httpx.get(f"{live}/healthz").json()["readers"] == 0
    assert_everything_once(readers)
    assert sum(reader.connections for reader in readers) > 2 * READERS


def test_readers_miss_and_double_nothing_while_valkey_is_killed_and_comes_back_empty(
    alice: Tenant, valkey: ValkeyServer
) -> None:
    run = make_run(alice.workspace)

    def disturb(n: int) -> None:
        if n % 20 == 5:
            valkey.kill()
        if n % 20 == 15:
            valkey.start(dies_with_parent=True)

    with live_process(REDIS_URL=valkey.url) as live:
        readers = [Reader(f"{live}/api/v1/runs/{run}/events", alice.headers, chance=n % 2 / 5) for n in range(40)]
        asyncio.run(follow_all(readers, partial(write, Worker(run, valkey.url), 0.05, disturb)))
        assert_everything_once(readers)
        assert httpx.get(f"{live}/healthz").json()["database"] == "ok"


def test_readers_reach_the_end_when_redis_was_never_there(alice: Tenant) -> None:
    run = make_run(alice.workspace)
    with live_process(REDIS_URL="redis://127.0.0.1:1/0") as live:
        assert httpx.get(f"{live}/healthz").json()["redis"] == "unreachable"
        readers = [Reader(f"{live}/api/v1/runs/{run}/events", alice.headers, chance=0.2) for _ in range(10)]
        asyncio.run(follow_all(readers, partial(write, Worker(run), 0)))
    assert_everything_once(readers)


def test_readers_and_waiters_outlive_their_database_connections(alice: Tenant) -> None:
    run = make_run(alice.workspace)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (spared,) = cursor.fetchone()

    def cut(n: int) -> None:
        if n % 10 == 0:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                    [spared],
                )

    with live_process() as live:
        readers = [Reader(f"{live}/api/v1/runs/{run}/events", alice.headers) for _ in range(10)]
        with ThreadPoolExecutor(1) as pool:
            waiter = pool.submit(httpx.get, f"{live}/api/v1/runs/{run}/wait", headers=alice.headers, timeout=60)
            asyncio.run(follow_all(readers, partial(write, Worker(run), 0.02, cut)))
            answer = waiter.result()
    assert_everything_once(readers)
    assert [reader.connections for reader in readers] == [1] * 10
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_stopping_process_lets_its_readers_go_at_once_and_another_goes_on(alice: Tenant) -> None:
    worker = Worker(make_run(alice.workspace))
    worker.start()
    path = f"/api/v1/runs/{worker.run_id}/events"
    with ExitStack() as process:
        reader = Reader(process.enter_context(live_process()) + path, alice.headers)

        async def scene() -> float:
            async with httpx.AsyncClient(timeout=30) as http:
                reading = asyncio.create_task(reader.connect_once(http))
                async with asyncio.timeout(10):
                    while reader.numbers != [1, 2]:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                stopping = time.monotonic()
                await asyncio.to_thread(process.close)
                await reading
            return time.monotonic() - stopping

        assert asyncio.run(scene()) < 5
    assert (reader.numbers, reader.done) == ([1, 2], False)
    worker.succeed()
    with live_process() as other:
        rest = httpx.get(other + path, headers=alice.headers | {"Last-Event-ID": "2"})
    assert [event.id for event in read_events([rest.content]) if event.name] == [3, None]
