"""A run that kills its process harms nobody but itself."""

import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import ended, events, submitted
from tests.acceptance.keeper import Keeper
from workers.local.private import PrivateStack, wait_for

pytestmark = pytest.mark.acceptance

NEIGHBOURS = 200
SLOW = {
    "script": [
        *({"tool_calls": [{"name": "wait", "args": {"seconds": 1}}], "latency_s": 1} for _ in range(2)),
        {"text": "At last.", "latency_s": 1},
    ],
    "tools": ["wait"],
}
GUILTY = {"script": [{"tool_calls": [{"name": "segfault"}]}, {"text": "Never."}], "tools": ["segfault"]}


@pytest.mark.timeout(240)
def test_a_segfault_among_two_hundred_slow_runs(
    stack: PrivateStack, submit_to: Callable[[dict[str, Any]], httpx.Client]
) -> None:
    slow, guilty = submit_to(SLOW), submit_to(GUILTY)
    neighbours = [submitted(slow) for _ in range(NEIGHBOURS)]
    began = time.monotonic()
    with Keeper(runs=lambda: stack.start_runs(slots=300), quarantine=stack.start_quarantine) as keeper:
        wait_for(lambda: _running(slow) >= NEIGHBOURS // 2, "the neighbours at work")
        culprit = submitted(guilty)
        runs = [ended(slow, run_id, within_s=100) for run_id in neighbours]
        poisoned = ended(guilty, culprit, within_s=60)
    took = time.monotonic() - began
    print(f"poison: {took:.0f} s, exits {keeper.exits}, through quarantine {_cleared(slow, neighbours)}")
    assert {(run["status"], run["output"]) for run in runs} == {("succeeded", "At last.")}
    assert {run["usage"]["steps"] for run in runs} == {5}
    assert (poisoned["status"], poisoned["stop_reason"]) == ("failed", "poison")
    assert poisoned["error"]["detail"].endswith("with this run alone in it, in the tool segfault.")
    assert keeper.exits == {"runs": [-signal.SIGSEGV] * 2, "quarantine": [-signal.SIGSEGV]}
    assert took < 90


def _running(client: httpx.Client) -> int:
    found = 0
    for page in _pages(client, "/api/v1/runs", status="running"):
        found += len(page)
    return found


def _cleared(client: httpx.Client, run_ids: list[str]) -> int:
    """How many of the runs were in quarantine on the way."""
    return sum(any(kind == "step.started" for _, kind in events(client, run_id)) for run_id in run_ids)


def _pages(client: httpx.Client, path: str, **filters: str) -> Any:
    cursor: dict[str, str] = {}
    while True:
        body = client.get(path, params={**filters, **cursor, "limit": 100}).json()
        yield body["data"]
        if not body["has_more"]:
            return
        cursor = {"cursor": body["next_cursor"]}
