"""`cef runs rerun`, `cef runs compare` and `cef threads fork` against a scripted server."""

from collections.abc import Iterator

import pytest

from tests.unit.cli_server import RUN_ID, Answer, Server, cef, run_json, serving

OTHER = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a11"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def step(n: int) -> dict[str, object]:
    usage = {"input_tokens": 3, "output_tokens": 4, "cost_usd": "0"}
    return {"n": n, "kind": "model", "name": "m", "duration_ms": 5, "error_code": None, "usage": usage}


def test_it_works(server: Server) -> None:
    server.routes[f"POST /api/v1/runs/{RUN_ID}/rerun"] = Answer(202, run_json("queued", id=OTHER))
    result = cef(server, "runs", "rerun", RUN_ID, "--from-step", "3", "--agent-version", "2", "--detach")
    assert (result.exit_code, result.stdout) == (0, f"{OTHER}\n")
    assert server.asked[0].body == {"from_step": 3, "agent_version": 2}


def test_comparing(server: Server) -> None:
    pairs = [
        {"same": True, "run": step(1), "other": step(1)},
        {"same": False, "run": step(2), "other": step(2)},
        {"same": False, "run": None, "other": step(3)},
    ]
    told = {"run": run_json(), "other": run_json(id=OTHER), "same_output": False, "first_difference": 1, "steps": pairs}
    server.routes[f"GET /api/v1/runs/{RUN_ID}/compare"] = Answer(200, told)
    lines = cef(server, "runs", "compare", RUN_ID, OTHER).stdout.splitlines()
    assert [line[0] for line in lines[:3]] == ["=", "≠", ">"]
    assert lines[-1] == "The outputs differ."
    assert server.asked[0].query == {"with": OTHER}


def test_forking_a_thread(server: Server) -> None:
    server.routes[f"POST /api/v1/threads/{OTHER}/fork"] = Answer(201, {"id": "new"})
    result = cef(server, "threads", "fork", OTHER, "--at", RUN_ID)
    assert (result.stdout, server.asked[0].body) == ("new\n", {"at_run": RUN_ID})
