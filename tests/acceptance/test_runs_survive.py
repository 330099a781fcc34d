"""Runs on real processes: they finish, also when the processes are killed under them."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import ended, events, steps, submitted
from workers.local.private import PrivateStack, wait_for

pytestmark = pytest.mark.acceptance

Submit = Callable[[dict[str, Any]], httpx.Client]
CALCULATION = [
    {"tool_calls": [{"name": "calculator", "args": {"expression": "6 * 7"}}]},
    {"text": "It is {last_tool_result}"},
]
SLOW = {"text": "At last.", "latency_s": 4}


@pytest.fixture(autouse=True)
def _no_worker_left(stack: PrivateStack) -> Any:
    yield
    for name in ("first", "second"):
        if stack.is_running(name):
            stack.kill(name)


def test_it_works(stack: PrivateStack, submit_to: Submit) -> None:
    client = submit_to({"script": CALCULATION, "tools": ["calculator"]})
    stack.start_runs("first")
    run_id = submitted(client)
    run = ended(client, run_id)
    assert (run["status"], run["stop_reason"], run["attempt"]) == ("succeeded", "completed", 1)
    assert run["output"] == 'It is {"expression":"6 * 7","result":42}'
    assert steps(client, run_id) == [
        (1, "model", "script", 1),
        (2, "tool", "calculator", 1),
        (3, "model", "script", 1),
    ]
    assert events(client, run_id) == [
        (1, "run.queued"),
        (2, "run.started"),
        (3, "step.recorded"),
        (4, "step.recorded"),
        (5, "step.recorded"),
        (6, "run.succeeded"),
    ]


def test_a_worker_killed_in_a_model_call_is_replaced_and_no_step_is_repeated(
    stack: PrivateStack, submit_to: Submit
) -> None:
    client = submit_to({"script": [CALCULATION[0], SLOW], "tools": ["calculator"]})
    stack.start_runs("first")
    run_id = submitted(client)
    wait_for(lambda: len(steps(client, run_id)) == 2, "model and tool recorded")
    before = steps(client, run_id)
    stack.kill("first")
    stack.start_runs("second")
    run = ended(client, run_id)
    assert (run["status"], run["output"], run["attempt"]) == ("succeeded", "At last.", 2)
    assert steps(client, run_id) == [*before, (3, "model", "script", 2)]
    assert "run.released" in [kind for _, kind in events(client, run_id)]


def test_a_worker_killed_in_a_tool_call_is_replaced_and_no_step_is_repeated(
    stack: PrivateStack, submit_to: Submit
) -> None:
    script = [{"tool_calls": [{"name": "wait", "args": {"seconds": 4}}]}, {"text": "Fetched."}]
    client = submit_to({"script": script, "tools": ["wait"]})
    stack.start_runs("first")
    run_id = submitted(client)
    wait_for(lambda: len(steps(client, run_id)) == 1, "the model's call recorded")
    stack.kill("first")
    stack.start_runs("second")
    run = ended(client, run_id)
    assert (run["status"], run["output"]) == ("succeeded", "Fetched.")
    assert steps(client, run_id) == [(1, "model", "script", 1), (2, "tool", "wait", 2), (3, "model", "script", 2)]


def test_a_worker_that_leaves_gives_back_what_does_not_end_in_time(stack: PrivateStack, submit_to: Submit) -> None:
    client = submit_to({"script": [{"text": "Done.", "latency_s": 30}]})
    stack.start_runs("first")
    run_id = submitted(client)
    wait_for(lambda: client.get(f"/api/v1/runs/{run_id}").json()["status"] == "running", "the claim")
    stack.terminate("first")
    run = client.get(f"/api/v1/runs/{run_id}").json()
    assert (run["status"], events(client, run_id)[-1][1]) == ("queued", "run.released")


def test_a_step_that_is_under_way_comes_to_its_end_before_a_worker_leaves(
    stack: PrivateStack, submit_to: Submit
) -> None:
    script = [{"tool_calls": [{"name": "wait", "args": {"seconds": 3}}]}, {"text": "Fetched."}]
    client = submit_to({"script": script, "tools": ["wait"]})
    stack.start_runs("first")
    run_id = submitted(client)
    wait_for(lambda: len(steps(client, run_id)) == 1, "the model's call recorded")
    stack.terminate("first")
    assert steps(client, run_id) == [(1, "model", "script", 1), (2, "tool", "wait", 1)]
    assert events(client, run_id)[-1][1] == "run.released"
    stack.start_runs("second")
    assert ended(client, run_id)["output"] == "Fetched."
    assert steps(client, run_id)[2:] == [(3, "model", "script", 2)]


def test_no_accepted_run_is_lost_when_valkey_restarts_empty_under_load(stack: PrivateStack, submit_to: Submit) -> None:
    client = submit_to({"script": CALCULATION, "tools": ["calculator"]})
    stack.start_runs("first")
    accepted = [submitted(client, f"before {n}") for n in range(20)]
    stack.valkey.kill()
    accepted += [submitted(client, f"without {n}") for n in range(20)]
    stack.valkey.start(dies_with_parent=True)
    accepted += [submitted(client, f"after {n}") for n in range(20)]
    runs = [ended(client, run_id) for run_id in accepted]
    assert {run["status"] for run in runs} == {"succeeded"}
    assert {run["usage"]["steps"] for run in runs} == {3}


def test_a_cancel_reaches_a_hanging_model_call_within_five_seconds(stack: PrivateStack, submit_to: Submit) -> None:
    client = submit_to({"script": [{"hang": True}]})
    stack.start_runs("first")
    run_id = submitted(client)
    wait_for(lambda: client.get(f"/api/v1/runs/{run_id}").json()["status"] == "running", "the claim")
    asked = time.monotonic()
    client.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
    run = ended(client, run_id, within_s=10)
    assert time.monotonic() - asked < 5
    assert (run["status"], run["stop_reason"]) == ("cancelled", "cancelled_by")
    assert steps(client, run_id) == []


def test_a_failed_run_goes_on_after_its_last_recorded_step(stack: PrivateStack, submit_to: Submit) -> None:
    client = submit_to({"script": CALCULATION, "tools": ["calculator"]})
    stack.start_runs("first")
    run_id = submitted(client, limits={"steps": 2})
    failed = ended(client, run_id)
    assert (failed["stop_reason"], failed["error"]["code"]) == ("budget_exceeded", "budget_exceeded")
    recorded = steps(client, run_id)
    assert [step[:3] for step in recorded] == [(1, "model", "script"), (2, "tool", "calculator")]
    client.post(f"/api/v1/runs/{run_id}/resume", json={"limits": {"steps": 3}}).raise_for_status()
    run = ended(client, run_id)
    assert (run["status"], run["error"]) == ("succeeded", None)
    assert steps(client, run_id) == [*recorded, (3, "model", "script", 2)]
