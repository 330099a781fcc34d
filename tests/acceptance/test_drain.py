"""A worker that leaves gives its runs back at the next step, and another goes on with them at once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import ended, steps, submitted
from workers.local.private import PrivateStack, wait_for

pytestmark = pytest.mark.acceptance

RUNS = 20
SCRIPT = [
    *({"tool_calls": [{"name": "wait", "args": {"seconds": 0.5}}], "latency_s": 0.5} for _ in range(20)),
    {"text": "Done.", "latency_s": 0.5},
]


@pytest.fixture(scope="module")
def stack() -> Iterator[PrivateStack]:
    """Its workers look into the queue every quarter of a minute: what goes on sooner was rung for."""
    clocks = {"CEF_LEASE_SECONDS": "20", "CEF_HEARTBEAT_SECONDS": "2", "CEF_POLL_SECONDS": "15"}
    stack = PrivateStack(clocks | {"CEF_TOOL_MODULES": "tests.acceptance.tools"})
    try:
        stack.start_servers()
        stack.start_web()
        yield stack
    finally:
        stack.stop()


def test_two_workers(stack: PrivateStack, submit_to: Callable[[dict[str, Any]], httpx.Client]) -> None:
    client = submit_to({"script": SCRIPT, "tools": ["wait"]})
    stack.start_runs("first")
    runs = [submitted(client) for _ in range(RUNS)]
    wait_for(lambda: all(_status(client, run_id) == "running" for run_id in runs), "all at work")
    stack.start_runs("second")
    wait_for(lambda: "ready" in stack.log("second"), "the second worker")
    assert stack.terminate("first") == 0
    done = [ended(client, run_id, within_s=90) for run_id in runs]
    assert {(run["status"], run["output"], run["attempt"]) for run in done} == {("succeeded", "Done.", 1)}
    for run_id in runs:
        recorded = steps(client, run_id)
        assert [n for n, *_ in recorded] == list(range(1, 42)), "each step once"
        assert [attempt for *_, attempt in recorded] == sorted(attempt for *_, attempt in recorded)
    pauses = [pause for run_id in runs for pause in _pauses(client, run_id)]
    print(f"drain: {len(pauses)} runs given back, on again after {median(pauses):.3f} s, at most {max(pauses):.3f} s")
    assert len(pauses) == RUNS
    assert median(pauses) < 1
    assert max(pauses) < 16, "a bell may be lost with the worker that leaves; a look into the queue finds the run"


def _status(client: httpx.Client, run_id: str) -> str:
    return str(client.get(f"/api/v1/runs/{run_id}").json()["status"])


def _pauses(client: httpx.Client, run_id: str) -> list[float]:
    """Seconds from each time the run was given back until a worker took it."""
    history = client.get(f"/api/v1/runs/{run_id}/events", params={"limit": 100}).json()["data"]
    return [
        (datetime.fromisoformat(after["at"]) - datetime.fromisoformat(before["at"])).total_seconds()
        for before, after in pairwise(history)
        if before["type"] == "run.released"
    ]
