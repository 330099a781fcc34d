"""A stack of real processes for a module's tests, with leases of two seconds."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from workers.local.private import QUICK, PrivateStack, wait_for

Finished = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def stack() -> Iterator[PrivateStack]:
    """PostgreSQL, Valkey, web and live; a test starts the workers that it needs, and kills them."""
    stack = PrivateStack(QUICK | {"CEF_TOOL_MODULES": "tests.acceptance.tools", "CEF_DRAIN_SECONDS": "6"})
    try:
        stack.start_servers()
        stack.start_web()
        stack.start_live()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def submit_to(stack: PrivateStack) -> Iterator[Callable[[dict[str, Any]], httpx.Client]]:
    """A client of a fresh workspace whose agent `scripted` plays the given specification."""
    clients: list[httpx.Client] = []

    def client_for(spec: dict[str, Any]) -> httpx.Client:
        headers = {"Authorization": f"Bearer {stack.seed(spec)}"}
        clients.append(httpx.Client(base_url=stack.web_url, headers=headers, timeout=30))
        return clients[-1]

    yield client_for
    for client in clients:
        client.close()


def submitted(client: httpx.Client, text: str = "go", **fields: Any) -> str:
    """The id of an accepted run."""
    answer = client.post("/api/v1/runs", json={"agent": "scripted", "input": text, **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(client: httpx.Client, run_id: str, *, within_s: float = 40) -> dict[str, Any]:
    """The run once it is over."""

    def over() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}").json()
        return run if run["status"] in {"succeeded", "failed", "cancelled"} else None

    run = wait_for(over, f"run {run_id}", within_s=within_s)
    assert run is not None
    return run


def events(client: httpx.Client, run_id: str) -> list[tuple[int, str]]:
    """Number and type of each event of the run."""
    data = client.get(f"/api/v1/runs/{run_id}/events", params={"limit": 100}).json()["data"]
    return [(event["seq"], event["type"]) for event in data]


def steps(client: httpx.Client, run_id: str) -> list[tuple[int, str, str, int]]:
    """Number, kind, name and the attempt that recorded it, of each step."""
    data = client.get(f"/api/v1/runs/{run_id}/steps", params={"limit": 100}).json()["data"]
    return [(step["n"], step["kind"], step["name"], step["attempt"]) for step in data]
