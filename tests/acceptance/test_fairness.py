"""A workspace with ten thousand queued runs beside one with ten: what the ten wait for a slot."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from tests.acceptance.conftest import ended, submitted
from workers.local.private import PrivateStack, wait_for

pytestmark = pytest.mark.acceptance

MANY = 10_000
SCRIPT = [{"text": "Done.", "latency_s": 0.1}]
SLOTS = 10
COPY = """
INSERT INTO runs_run ({columns}) SELECT {values} FROM runs_run AS run, generate_series(2, {many}) WHERE run.id = %s"""


@pytest.fixture(autouse=True)
def _no_worker_left(stack: PrivateStack) -> Any:
    yield
    for name in ("first", "second"):
        if stack.is_running(name):
            stack.kill(name)


def queue_copies(stack: PrivateStack, run_id: str) -> None:
    """Ten thousand queued runs like this one."""
    with psycopg.connect(stack.postgres.superuser_url) as link:
        rows = link.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'runs_run'")
        names = [str(name) for (name,) in rows]
        values = ", ".join("uuidv7()" if name == "id" else f"run.{name}" for name in names)
        link.execute(COPY.format(columns=", ".join(names), values=values, many=MANY), [run_id])


def waited_s(run: dict[str, Any]) -> float:
    return (datetime.fromisoformat(run["started_at"]) - datetime.fromisoformat(run["created_at"])).total_seconds()


def queued(stack: PrivateStack) -> int:
    with psycopg.connect(stack.postgres.superuser_url) as link:
        row = link.execute("SELECT count(*) FROM runs_run WHERE status = 'queued'").fetchone()
    assert row is not None
    return int(row[0])


def test_ten_thousand_runs_of_one_workspace_delay_another_by_a_turn(
    stack: PrivateStack, submit_to: Callable[[dict[str, Any]], httpx.Client], capsys: pytest.CaptureFixture[str]
) -> None:
    noisy, quiet = submit_to({"script": SCRIPT}), submit_to({"script": SCRIPT})
    queue_copies(stack, submitted(noisy))
    stack.start_runs("first", slots=SLOTS)
    wait_for(lambda: queued(stack) < MANY - 5 * SLOTS, "the noisy workspace's runs to be under way")
    runs = [ended(quiet, run_id) for run_id in [submitted(quiet, f"quiet {n}") for n in range(10)]]
    waits = sorted(waited_s(run) for run in runs)
    left = queued(stack)
    with capsys.disabled():
        print(f"\nTen runs beside {left} queued ones, {SLOTS} slots: p50 {waits[4]:.2f} s, p99 {waits[-1]:.2f} s.")
    assert {run["status"] for run in runs} == {"succeeded"}
    assert left > MANY * 0.9
    # A slot becomes free every 10 ms or so, and every other one is theirs.
    assert waits[-1] < 2


def test_a_cap_holds_on_real_processes(
    stack: PrivateStack, submit_to: Callable[[dict[str, Any]], httpx.Client]
) -> None:
    """Two processes with room for twenty, and a cap of two, set while runs are under way."""
    client = submit_to({"script": [{"text": "Done.", "latency_s": 0.5}]})
    stack.start_runs("first", slots=SLOTS)
    stack.start_runs("second", slots=SLOTS)
    ids = [submitted(client, f"run {n}") for n in range(6)]
    cap = client.post("/api/v1/caps", json={"kind": "agent", "subject": "scripted", "slots": 2})
    assert cap.status_code == 200, cap.text
    ids += [submitted(client, f"run {n}") for n in range(6)]
    runs = [ended(client, run_id) for run_id in ids]
    assert {run["status"] for run in runs} == {"succeeded"}
    late = sorted((run["started_at"], run["finished_at"]) for run in runs[6:])
    for n, (started, _) in enumerate(late):
        assert len([1 for began, over in late[:n] if over > started]) < 2
    (shown,) = client.get("/api/v1/caps").json()["data"]
    assert (shown["slots"], shown["running"]) == (2, 0)
