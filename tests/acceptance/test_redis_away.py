"""Workers take messages again whenever Redis comes back, and one that does not is ended."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import ended, submitted
from workers.local.private import PrivateStack, wait_for

pytestmark = pytest.mark.acceptance

RESTARTS = 10
PATIENCE_S = 6


@pytest.fixture(scope="module")
def stack() -> Iterator[PrivateStack]:
    """Its workers look into the queue once in ten minutes: what is executed sooner came by a message."""
    clocks = {"CEF_LEASE_SECONDS": "20", "CEF_HEARTBEAT_SECONDS": "2", "CEF_POLL_SECONDS": "60"}
    stack = PrivateStack(clocks | {"CEF_CONSUMER_SECONDS": str(PATIENCE_S)})
    try:
        stack.start_servers()
        stack.start_web()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def client(stack: PrivateStack, submit_to: Callable[[dict[str, Any]], httpx.Client]) -> Iterator[httpx.Client]:
    client = submit_to({"script": [{"text": "Hello."}]})
    yield client
    if stack.is_running("first"):
        stack.kill("first")


def by_message(client: httpx.Client, log: Path, *, within_s: float = 50) -> float:
    """Seconds until a worker takes a message: a ring may be lost, so there is one each second."""
    began, rung = time.monotonic(), [submitted(client)]

    def heard() -> bool:
        if time.monotonic() - began > len(rung):
            rung.append(submitted(client))
        return any(client.get(f"/api/v1/runs/{run_id}").json()["status"] == "succeeded" for run_id in rung[-10:])

    wait_for(heard, "a run that was rung for", log, within_s=within_s)
    return time.monotonic() - began


@pytest.mark.timeout(300)
def test_ten_restarts(stack: PrivateStack, client: httpx.Client) -> None:
    process = stack.start_runs("first")
    by_message(client, stack.folder / "first.log")
    waits = []
    for restart in range(RESTARTS):
        stack.valkey.kill() if restart % 2 else stack.valkey.stop()
        time.sleep(restart % 4)
        stack.valkey.start(dies_with_parent=True)
        waits.append(by_message(client, stack.folder / "first.log"))
    print(f"redis: {RESTARTS} restarts, messages again after {median(waits):.1f} s, at most {max(waits):.1f} s")
    assert process.poll() is None, "it is the process of the beginning"


def test_a_worker_that_takes_no_messages_is_ended(stack: PrivateStack, client: httpx.Client) -> None:
    process = stack.start_runs("first")
    by_message(client, stack.folder / "first.log")
    for queue in ("runs", f"first@{socket.gethostname()}.canary"):
        stack.spawn("control", "celery", "-A", "config", "control", "cancel_consumer", queue).wait()
    assert process.wait(timeout=10 * PATIENCE_S) == 70
    assert "no message comes through it any more" in stack.log("first")


def test_a_worker_whose_redis_is_away_stays(stack: PrivateStack, client: httpx.Client) -> None:
    process = stack.start_runs("first")
    by_message(client, stack.folder / "first.log")
    stack.valkey.kill()
    with pytest.raises(TimeoutError):
        wait_for(lambda: process.poll() is not None, "the end", within_s=3 * PATIENCE_S)
    stack.valkey.start(dies_with_parent=True)
    by_message(client, stack.folder / "first.log")
    assert process.poll() is None
    run_id = submitted(client)
    assert ended(client, run_id)["status"] == "succeeded"
