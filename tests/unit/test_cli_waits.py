"""`cef waits`: the inbox, and words on what waits."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cli_server import EVENTS, RUN, RUN_ID, Answer, Server, cef, page, problem, run_json, serving, sse

WAIT_ID = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a20"
WAIT = f"GET /api/v1/waits/{WAIT_ID}"
DECIDE = f"POST /api/v1/waits/{WAIT_ID}/decide"


def wait_json(**changes: Any) -> dict[str, Any]:
    wait = {
        "id": WAIT_ID,
        "run_id": RUN_ID,
        "agent": "billing",
        "kind": "approval",
        "state": "open",
        "tool": "pay",
        "prompt": "",
        "digest": "ab" * 32,
        "needed": 2,
        "approvals": 1,
        "due_at": None,
        "created_at": "2026-11-23T09:30:00Z",
        "arguments": {"amount": 700},
        "edited_arguments": None,
        "answer_schema": None,
        "decisions": [],
        "event": None,
    }
    return wait | changes


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.routes = {
            "GET /api/v1/waits": page(wait_json()),
            WAIT: Answer(body=wait_json()),
            DECIDE: Answer(body=wait_json(state="resolved")),
        }
        yield server


def test_it_works(server: Server) -> None:
    result = cef(server, "waits", "approve", WAIT_ID, "--note", "Fine.", stdin="y\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert '"amount": 700' in result.stderr
    assert result.stderr.endswith("The wait is resolved.\n")
    assert server.asked[-1].body == {"verdict": "approve", "note": "Fine.", "digest": "ab" * 32}


def test_list(server: Server) -> None:
    result = cef(server, "waits", "list", "--kind", "approval", "--run", RUN_ID)
    assert result.stdout.split("\t")[:6] == [WAIT_ID, "approval", "billing", "pay", "", "1/2"]
    assert server.asked[-1].query == {"kind": "approval", "run": RUN_ID, "scope": "mine", "limit": "20"}
    cef(server, "waits", "list", "--all")
    assert server.asked[-1].query["scope"] == "all"


def test_an_empty_inbox(server: Server) -> None:
    server.routes["GET /api/v1/waits"] = page()
    result = cef(server, "waits", "list")
    assert (result.stdout, result.stderr) == ("", "Nothing waits for you.\n")


def test_show(server: Server) -> None:
    event = {"token": "evt_x", "url": "https://cef.example.com/api/v1/events/evt_x"}
    server.routes[WAIT] = Answer(body=wait_json(kind="event", tool="wait_for_event", prompt="paid", event=event))
    result = cef(server, "waits", "show", WAIT_ID)
    assert "paid" in result.stdout
    assert f"POST {event['url']}" in result.stdout
    assert json.loads(cef(server, "waits", "show", WAIT_ID, "--json").stdout)["event"] == event


def test_nothing_is_said_without_a_yes(server: Server) -> None:
    result = cef(server, "waits", "reject", WAIT_ID, stdin="n\n")
    assert result.exit_code == 1
    assert DECIDE not in server.paths()


def test_other_arguments(server: Server) -> None:
    cef(server, "waits", "approve", WAIT_ID, "--arguments", '{"amount": 70}', "--yes")
    assert server.asked[-1].body["arguments"] == {"amount": 70}
    assert cef(server, "waits", "approve", WAIT_ID, "--arguments", "much", "--yes").exit_code == 2


def test_more_must_approve(server: Server) -> None:
    server.routes[DECIDE] = Answer(body=wait_json())
    assert "1 of 2 have approved." in cef(server, "waits", "approve", WAIT_ID, "--yes").stderr


def test_answer(server: Server) -> None:
    cef(server, "waits", "answer", WAIT_ID, "Blue")
    assert server.asked[-1].body == {"verdict": "answer", "answer": "Blue", "digest": "ab" * 32}
    cef(server, "waits", "answer", WAIT_ID, '{"size": "M"}', "--json-answer")
    assert server.asked[-1].body["answer"] == {"size": "M"}


def test_somebody_was_first(server: Server) -> None:
    server.routes[DECIDE] = problem(409, "wait_not_open", "The wait is resolved.")
    result = cef(server, "waits", "approve", WAIT_ID, "--yes")
    assert (result.exit_code, "The wait is resolved." in result.stderr) == (5, True)


@pytest.mark.parametrize(("kinds", "exit_code"), [(["timer"], 0), (["approval", "timer"], 7)])
def test_who_follows_a_run_leaves_only_when_a_person_is_needed(
    kinds: list[str], exit_code: int, server: Server
) -> None:
    chunks = sse((1, "run.waiting", {"kinds": kinds}), (2, "run.succeeded", {}), (None, "done", {}))
    waiting = run_json(status="waiting", output=None)
    server.routes |= {
        RUN: [Answer(body=waiting), Answer(body=waiting if exit_code else run_json()), Answer(body=waiting)],
        EVENTS: Answer(chunks=chunks),
    }
    assert cef(server, "runs", "follow", RUN_ID).exit_code == exit_code
