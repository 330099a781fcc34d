"""`cef schedules` as a shell sees it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cli_server import RUN_ID, Answer, Server, cef, page, problem, run_json, serving

ID = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a14"
SCHEDULE: dict[str, Any] = {
    "id": ID,
    "name": "report",
    "agent": "docs",
    "input": "What is new?",
    "cron": "30 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "overlap": "skip",
    "limits": {},
    "metadata": {},
    "enabled": True,
    "next_fire_at": "2026-11-24T08:30:00Z",
    "last_fire_at": None,
    "last_run_id": None,
    "last_error": None,
    "created_at": "2026-11-01T10:00:00Z",
}
PAUSED = SCHEDULE | {"enabled": False, "next_fire_at": None, "last_error": "The agent docs is archived."}
ONE = f"/api/v1/schedules/{ID}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_it_works(server: Server) -> None:
    server.routes["POST /api/v1/schedules"] = Answer(201, SCHEDULE)
    result = cef(
        server, "schedules", "create", "report", "docs", "What is new?", "--cron", "30 9 * * MON-FRI",
        "--timezone", "Europe/Berlin",
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, f"{ID}\n")
    assert result.stderr.startswith("It fires next at 2026-11-24 ")
    assert server.asked[0].body == {
        "name": "report",
        "agent": "docs",
        "input": "What is new?",
        "cron": "30 9 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "overlap": "skip",
    }


def test_json_from_standard_input(server: Server) -> None:
    server.routes["POST /api/v1/schedules"] = Answer(201, SCHEDULE)
    arguments = ("schedules", "create", "r", "docs", "-", "--json-input", "--cron", "0 9 * * *", "--overlap", "cancel")
    result = cef(server, *arguments, "--json", stdin='{"q": 1}')
    assert json.loads(result.stdout) == SCHEDULE
    assert (server.asked[0].body["input"], server.asked[0].body["overlap"]) == ({"q": 1}, "cancel")


def test_without_times_there_is_no_schedule(server: Server) -> None:
    refused = cef(server, "schedules", "create", "report", "docs", "x")
    assert (refused.exit_code, server.asked) == (2, [])


def test_what_the_server_refuses_is_told(server: Server) -> None:
    server.routes["POST /api/v1/schedules"] = problem(422, "invalid_schedule", "'x' is no cron expression.")
    refused = cef(server, "schedules", "create", "report", "docs", "x", "--cron", "x")
    assert refused.exit_code == 1
    assert "'x' is no cron expression." in refused.stderr


def test_the_list(server: Server) -> None:
    server.routes["GET /api/v1/schedules"] = page(SCHEDULE, PAUSED)
    first, second = (line.split("\t") for line in cef(server, "schedules", "list").stdout.splitlines())
    assert first[:5] == [ID, "report", "docs", "30 9 * * MON-FRI", "Europe/Berlin"]
    assert first[5].startswith("2026-11-24 ")
    assert second[5:] == ["paused", "–", "The agent docs is archived."]
    assert json.loads(cef(server, "schedules", "list", "--json").stdout) == [SCHEDULE, PAUSED]


def test_pause_and_resume(server: Server) -> None:
    server.routes[f"POST {ONE}/pause"] = Answer(body=PAUSED)
    server.routes[f"POST {ONE}/resume"] = Answer(body=SCHEDULE)
    assert cef(server, "schedules", "pause", ID).stderr == "It is paused.\n"
    assert cef(server, "schedules", "resume", ID).stderr.startswith("It fires next at ")


def test_fire_prints_the_run(server: Server) -> None:
    server.routes[f"POST {ONE}/fire"] = Answer(202, run_json("queued"))
    assert cef(server, "schedules", "fire", ID).stdout == f"{RUN_ID}\n"


def test_the_next_times(server: Server) -> None:
    times = ["2026-11-24T09:30:00+01:00", "2026-11-25T09:30:00+01:00"]
    server.routes[f"GET {ONE}/next"] = Answer(body={"times": times})
    result = cef(server, "schedules", "next", ID, "--count", "2")
    assert result.stdout.splitlines() == ["2026-11-24 09:30:00+01:00", "2026-11-25 09:30:00+01:00"]
    assert server.asked[0].query == {"count": "2"}


def test_delete(server: Server) -> None:
    server.routes[f"DELETE {ONE}"] = Answer(204)
    assert cef(server, "schedules", "delete", ID).exit_code == 0
    assert cef(server, "schedules", "delete", RUN_ID).exit_code == 4
