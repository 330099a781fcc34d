"""`cef` as a shell sees it: what it asks the server, what it prints where, and how it exits."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cli.client import Client
from cli.follow import RunView, follow_run
from cli.main import cli
from cli.sse import ServerEvent
from cli.target import Target
from tests.unit.cli_server import (
    EVENTS,
    KEY,
    RUN,
    RUN_ID,
    STEP,
    Answer,
    Asked,
    Server,
    cef,
    page,
    problem,
    run_json,
    serving,
    sse,
)

SUBMIT = "POST /api/v1/runs"
SOURCES = [{"title": "Cancel a run", "ref": "doc:1@1:0-80"}]
WHOLE = sse(
    (1, "run.queued", {"seq": 1}),
    (2, "run.started", {"seq": 2, "attempt": 1}),
    (None, "delta", {"text": "Like "}),
    (None, "delta", {"text": "this."}),
    (3, "step.recorded", {"seq": 3, **STEP, "sources": SOURCES}),
    (4, "run.succeeded", {"seq": 4}),
    (None, "done", {"status": "succeeded"}),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        location = f"{server.url}/live/api/v1/runs/{RUN_ID}/events?ticket=t"
        server.routes = {
            SUBMIT: Answer(303, headers={"Location": location}),
            RUN: Answer(body=run_json()),
            EVENTS: Answer(chunks=WHOLE),
        }
        yield server


def test_it_works(server: Server) -> None:
    result = cef(server, "run", "docs", "How?")
    assert (result.exit_code, result.stdout) == (0, "Like this.\n")
    lines = result.stderr.splitlines()
    assert lines[0].split() == ["1", "✓", "model", "scripted:m", "1.2", "s", "·", "812", "→", "43", "tokens"]
    assert lines[1].strip() == "↳ Cancel a run (doc:1@1:0-80)"
    assert lines[2] == "succeeded · 2 steps · 812 → 43 tokens · $0.000161 · 4.2 s"
    submitted = server.asked[0]
    assert submitted.body == {"agent": "docs", "input": "How?", "mode": "stream"}
    assert submitted.headers["Authorization"] == f"Bearer {KEY}"
    assert len(submitted.headers["Idempotency-Key"]) == 36


def test_json_alone_is_on_standard_output(server: Server) -> None:
    result = cef(server, "run", "docs", "How?", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == [
        "run.queued", "run.started", "delta", "delta", "step.recorded", "run.succeeded", "run",
    ]  # fmt: skip
    assert lines[2] == {"type": "delta", "text": "Like "}
    assert lines[-1]["run"] == run_json()
    assert (result.exit_code, result.stderr) == (0, "")


def test_everything_that_belongs_to_a_run_is_sent(server: Server, tmp_path: Path) -> None:
    (tmp_path / "plan.png").write_bytes(b"\x89PNG")
    result = cef(
        server, "run", "docs@3", "-", "--json-input", "--file", str(tmp_path / "plan.png"),
        "--thread", "t-1", "--strategy", "enqueue",
        "--metadata", "ticket=4711", "--metadata", "note=a=b", stdin='{"q": 1}',
    )  # fmt: skip
    assert result.exit_code == 0
    assert server.asked[0].body == {
        "agent": "docs@3",
        "input": {"q": 1},
        "thread_id": "t-1",
        "multitask_strategy": "enqueue",
        "metadata": {"ticket": "4711", "note": "a=b"},
        "files": [{"name": "plan.png", "media_type": "image/png", "data": "iVBORw=="}],
        "mode": "stream",
    }


def test_detached_it_prints_the_id_and_follows_nothing(server: Server) -> None:
    server.routes[SUBMIT] = Answer(202, run_json("queued"))
    result = cef(server, "run", "docs", "How?", "--detach")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{RUN_ID}\n", "")
    assert server.paths() == [SUBMIT]
    assert "mode" not in server.asked[0].body


@pytest.mark.parametrize(
    ("run", "code", "message"),
    [
        (
            run_json("failed", error={"code": "provider_error", "detail": "No."}),
            6,
            "The run failed: No. · provider_error",
        ),
        (run_json("cancelled", stop_reason="cancelled_by"), 6, "The run cancelled: cancelled_by"),
        (run_json("waiting"), 7, "The run waits for a person: https://cef.example/admin/"),
    ],
)
def test_the_exit_code_says_how_the_run_ended(server: Server, run: dict[str, Any], code: int, message: str) -> None:
    server.routes[RUN] = Answer(body=run)
    server.routes[EVENTS] = Answer(chunks=sse((1, "run.waiting", {"seq": 1}), (None, "done", {})))
    result = cef(server, "run", "docs", "How?")
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(401, "invalid_api_key", "The API key is not valid."), 3),
        (problem(403, "permission_denied", "This needs the permission runs:write."), 3),
        (problem(404, "agent_not_found", "There is no such agent."), 4),
        (problem(409, "thread_busy", "The thread is busy."), 5),
        (problem(422, "invalid_input", "Not valid.", errors=[{"pointer": "/agent", "detail": "Too long."}]), 1),
        (Answer(500, chunks=(b"<html>",)), 1),
        (problem(503, "intake_paused", "New runs are not accepted.", ) , 1),
    ],
)  # fmt: skip
def test_refusals_are_told_and_coded(server: Server, answer: Answer, code: int) -> None:
    if answer.status == 503:
        answer = Answer(503, answer.body, {"Retry-After": "30"})
    server.routes[SUBMIT] = answer
    result = cef(server, "run", "docs", "How?")
    assert (result.exit_code, result.stdout) == (code, "")
    expected = f"{answer.body['detail']} ({answer.body['code']})" if answer.body else "500 Internal Server Error"
    assert f"Error: {expected}" in result.stderr
    assert ("  /agent: Too long." in result.stderr) == (code == 1 and answer.status == 422)
    assert server.paths() == [SUBMIT]


def test_trouble_in_passing_is_tried_again_with_the_same_idempotency_key(server: Server) -> None:
    busy = Answer(503, {"code": "database_unavailable", "detail": "Later."}, {"Retry-After": "0"})
    server.routes[SUBMIT] = [busy, busy, Answer(202, run_json("queued"))]
    assert cef(server, "run", "docs", "How?", "--detach").exit_code == 0
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert server.paths() == [SUBMIT] * 3


def test_nobody_there_is_said_in_words() -> None:
    runner = CliRunner(env={"CEF_URL": "http://127.0.0.1:1", "CEF_API_KEY": KEY})
    result = runner.invoke(cli, ["runs", "list"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: http://127.0.0.1:1 does not answer: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "docs"),
        ("run", "docs", "x", "--metadata", "novalue"),
        ("run", "docs", "{", "--json-input"),
        ("run", "docs", "x", "--file", "/no/such/file"),
        ("runs", "list", "--limit", "0"),
        ("nonsense",),
    ],
)
def test_odd_commands_are_refused_before_anything_is_asked(server: Server, arguments: tuple[str, ...]) -> None:
    result = cef(server, *arguments)
    assert (result.exit_code, result.stdout, server.asked) == (2, "", [])


def test_a_broken_stream_is_taken_up_after_the_last_event(server: Server) -> None:
    first, rest = WHOLE[:3], (b": still here\n\n", *WHOLE[1:])  # the server repeats event 2, which must not show twice
    server.routes[EVENTS] = [Answer(chunks=(*first, b"id: 3\nevent: ste")), Answer(chunks=rest)]
    result = cef(server, "runs", "follow", RUN_ID, "--json")
    assert result.exit_code == 0
    numbers = [json.loads(line).get("seq") for line in result.stdout.splitlines()]
    assert [number for number in numbers if number] == [1, 2, 3, 4]
    listening = [asked for asked in server.asked if asked.path.startswith("/live")]
    assert [asked.headers["Last-Event-ID"] for asked in listening] == ["0", "2"]
    assert listening[0].headers["Accept"] == "text/event-stream"


def test_without_live_the_run_is_followed_by_asking(server: Server) -> None:
    def events(asked: Asked) -> Answer:
        rows = [{"seq": 1, "type": "run.queued"}, {"seq": 2, "type": "step.recorded", **STEP}]
        return page(*rows[int(asked.query["after"]) :])

    server.routes[EVENTS] = Answer(502, chunks=(b"no live here",))
    server.routes[f"{RUN}/events"] = events
    server.routes[RUN] = [Answer(body=run_json("running"))] * 3 + [Answer(body=run_json())]
    result = cef(server, "runs", "follow", RUN_ID)
    assert (result.exit_code, result.stdout) == (0, "Like this.\n")
    lines = result.stderr.splitlines()
    assert lines[0] == "The live server does not answer; asking for news every second."
    assert [line for line in lines if "scripted:m" in line] == [lines[1]]


def test_a_listener_who_is_refused_is_told(server: Server) -> None:
    server.routes[EVENTS] = problem(403, "permission_denied", "This needs the permission runs:read.")
    assert cef(server, "runs", "follow", RUN_ID).exit_code == 3


def test_lists_are_tables_for_people_and_tabs_for_programs(server: Server) -> None:
    server.routes["GET /api/v1/runs"] = [page(run_json(), cursor="c1"), page(run_json("queued"))]
    result = cef(server, "runs", "list", "--status", "succeeded", "--limit", "150")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        (RUN_ID, "succeeded", "docs@3", "4.2 s"),
        (RUN_ID, "queued", "docs@3", "–"),
    ]
    assert [asked.query for asked in server.asked] == [
        {"status": "succeeded", "limit": "100"},
        {"status": "succeeded", "limit": "100", "cursor": "c1"},
    ]


def test_a_list_is_narrowed_by_where_its_runs_come_from(server: Server) -> None:
    server.routes["GET /api/v1/runs"] = page(run_json())
    cef(server, "runs", "list", "--schedule", "s1", "--batch", "b1")
    assert server.asked[-1].query == {"schedule_id": "s1", "batch_id": "b1", "limit": "20"}


def test_an_empty_list_prints_nothing_to_standard_output(server: Server) -> None:
    server.routes["GET /api/v1/runs"] = page()
    result = cef(server, "runs", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "There are no such runs.\n")
    assert cef(server, "runs", "list", "--json").stdout == "[]\n"


def test_a_run_is_shown_with_its_steps(server: Server) -> None:
    step = {"n": 1, "kind": "tool", "name": "http_get", "duration_ms": 85, "error_code": "timeout", "usage": {}}
    server.routes[f"{RUN}/steps"] = page(step)
    shown = cef(server, "runs", "show", RUN_ID).stdout.splitlines()
    assert shown[0].startswith(f"docs@3  {RUN_ID}  2026-11-23")
    assert shown[2].split() == ["1", "✗", "tool", "http_get", "85", "ms", "timeout"]
    assert shown[-3:] == ["Like this.", "", f"https://cef.example/admin/runs/run/{RUN_ID}/change/"]
    assert json.loads(cef(server, "runs", "show", RUN_ID, "--json").stdout)["steps"] == [step]


def test_stopping_and_going_on(server: Server) -> None:
    asked_to = run_json("running", cancel_requested_at="2026-11-23T09:30:01Z")
    server.routes[f"POST /api/v1/runs/{RUN_ID}/cancel"] = Answer(202, asked_to)
    server.routes[f"POST /api/v1/runs/{RUN_ID}/resume"] = problem(409, "run_not_resumable", "Only a failed run can.")
    assert cef(server, "runs", "cancel", RUN_ID).stderr == "The run is asked to stop.\n"
    assert json.loads(cef(server, "runs", "cancel", RUN_ID, "--json").stdout) == asked_to
    assert cef(server, "runs", "resume", RUN_ID).exit_code == 5


def test_agents_are_listed_and_shown(server: Server) -> None:
    agent = {
        "slug": "docs", "name": "Docs", "description": "Answers.", "newest_version": 4,
        "labels": {"production": 3}, "created_at": "2026-11-23T09:30:00Z",
    }  # fmt: skip
    version = {"number": 3, "model": "local:smol", "created_at": "2026-11-23T09:30:00Z", "definition": {"x": 1}}
    server.routes["GET /api/v1/agents"] = page(agent)
    server.routes["GET /api/v1/agents/docs"] = Answer(body=agent)
    server.routes["GET /api/v1/agents/docs/versions/3"] = Answer(body=version)
    assert cef(server, "agents", "list").stdout.split("\t")[:4] == ["docs", "Docs", "4", "production→3"]
    for reference in ("docs", "docs@3", "docs@production"):
        shown = cef(server, "agents", "show", reference)
        assert '"x": 1' in shown.stdout
        assert "version 3 · local:smol" in shown.stdout
    assert cef(server, "agents", "show", "docs@9").exit_code == 4
    assert cef(server, "agents", "show", "docs@nonsense").exit_code == 4


def test_on_a_terminal_text_is_seen_as_it_is_spoken_and_cannot_move_the_cursor(server: Server) -> None:
    evil = sse((1, "run.started", {"attempt": 2}), (None, "delta", {"text": "Li\x1b[2Jke"}), (2, "step.recorded", STEP))
    server.routes[EVENTS] = Answer(chunks=(*evil, *WHOLE[-1:]))
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, _environ={})
    with Client(Target(server.url, KEY, f"{server.url}/live", "the test")) as client:
        run = follow_run(client, RUN_ID, console)
    assert run == run_json() | {"sources": []}
    assert "attempt 2" in screen.getvalue()
    assert "scripted:m" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


def test_text_so_far_takes_the_place_of_what_was_heard() -> None:
    with RunView(Console(file=io.StringIO())) as view:
        for data in ({"text": "Hel"}, {"text": "Hello", "so_far": True}, {"text": "!"}):
            view.show(ServerEvent("delta", data))
        assert view.spoken == "Hello!"
        view.show(ServerEvent("step.recorded", STEP, 2))
        assert view.spoken == ""


def _hear_interrupts() -> None:
    """A shell's background job inherits the signal ignored, and so would the command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_follower_says_that_the_run_goes_on(server: Server) -> None:
    listening, over = threading.Event(), threading.Event()

    def hold(asked: Asked) -> Answer:
        listening.set()
        over.wait(30)
        return Answer(chunks=WHOLE)

    server.routes[EVENTS] = hold
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "runs", "follow", RUN_ID],
        cwd=Path(__file__).parents[2],
        env=os.environ | server.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_interrupts,
    )
    try:
        assert listening.wait(30)
        process.send_signal(signal.SIGINT)
        output, messages = process.communicate(timeout=30)
    finally:
        over.set()
        process.kill()
    assert (process.returncode, output) == (130, "")
    assert messages.splitlines() == [
        f"The run goes on. Follow it: cef runs follow {RUN_ID}   Stop it: cef runs cancel {RUN_ID}",
        "Interrupted.",
    ]
    assert not [path for path in server.paths() if path.endswith("/cancel")]
