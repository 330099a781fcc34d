"""`cef runs submit`, `cef batches` and `cef runs cancel-all` against a scripted server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cli_server import Answer, Asked, Server, cef, problem, serving

ID = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a20"
SUBMIT = "POST /api/v1/runs/batch"
SHOW = f"GET /api/v1/batches/{ID}"
CANCEL = "POST /api/v1/runs/cancel"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def batch(total: int = 2, **counts: int) -> dict[str, Any]:
    """A batch as the server tells it."""
    states = dict.fromkeys(("queued", "running", "waiting", "succeeded", "failed", "cancelled", "erased"), 0) | counts
    ended = states["succeeded"] + states["failed"] + states["cancelled"]
    return {
        "id": ID,
        "total": total,
        "ended": ended,
        "counts": states,
        "usage": {"steps": 2, "model_calls": 2, "input_tokens": 812, "output_tokens": 43, "cost_usd": "0.0012"},
        "metadata": {},
        "created_at": "2026-11-23T09:30:00+00:00",
        "started_at": "2026-11-23T09:30:00+00:00",
        "finished_at": "2026-11-23T09:30:02+00:00" if ended == total else None,
        "eta": None if ended == total else "2026-11-23T09:30:04+00:00",
        "links": {"self": "", "runs": "", "admin": "https://cef.example/admin/"},
        "run_ids": [],
    }


LINES = '"How?"\n\n{"input": {"q": 1}, "metadata": {"row": 2}}\n'


def test_it_works(server: Server) -> None:
    server.routes[SUBMIT] = Answer(202, batch(queued=2))
    server.routes[SHOW] = [Answer(200, batch(succeeded=1, running=1)), Answer(200, batch(succeeded=2))]
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs@3", "--metadata", "import=7", stdin=LINES)
    assert (result.exit_code, result.stdout) == (0, f"{ID}  2 succeeded · 812 → 43 tokens · $0.0012 · 2.0 s\n")
    assert server.asked[0].body == {
        "agent": "docs@3",
        "inputs": [{"input": "How?"}, {"input": {"q": 1}, "metadata": {"row": 2}}],
        "metadata": {"import": "7"},
    }
    assert server.asked[0].headers["Idempotency-Key"]
    assert server.paths() == [SUBMIT, SHOW, SHOW]


def test_more_than_a_thousand_lines_are_several_batches(server: Server) -> None:
    server.routes[SUBMIT] = Answer(202, batch(queued=2))
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs", "--detach", stdin='"x"\n' * 2001)
    assert (result.exit_code, result.stdout) == (0, f"{ID}\n" * 3)
    assert [len(asked.body["inputs"]) for asked in server.asked] == [1000, 1000, 1]


def test_large_lines_are_several_batches(server: Server) -> None:
    server.routes[SUBMIT] = Answer(202, batch(queued=2))
    stdin = f'"{"x" * 2_500_000}"\n' * 3
    cef(server, "runs", "submit", "--file", "-", "--agent", "docs", "--detach", stdin=stdin)
    assert [len(asked.body["inputs"]) for asked in server.asked] == [2, 1]


@pytest.mark.parametrize(
    ("ended", "code", "message"),
    [
        (batch(succeeded=1, failed=1), 6, "1 runs failed or were cancelled"),
        (batch(succeeded=1, cancelled=1), 6, "1 runs failed or were cancelled"),
        (batch(succeeded=1, waiting=1), 7, "1 runs wait for a person"),
        (batch(succeeded=1, erased=1), 0, ""),
    ],
)
def test_the_exit_code_says_how_it_ended(server: Server, ended: dict[str, Any], code: int, message: str) -> None:
    server.routes[SUBMIT] = Answer(202, batch(queued=2))
    server.routes[SHOW] = Answer(200, ended)
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs", stdin=LINES)
    assert result.exit_code == code
    assert message in result.stderr


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        ('"x"\n{', "Line 2 is not JSON"),
        ('{"q": 1}', "Line 1 is neither JSON text nor"),
        ("7", "Line 1 is neither JSON text nor"),
        ('{"input": 1, "mode": "wait"}', "Line 1 is neither JSON text nor"),
        ("\n\n", "There is no line with an input."),
    ],
)
def test_a_file_that_cannot_be_understood_submits_nothing(server: Server, stdin: str, message: str) -> None:
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs", stdin=stdin)
    assert (result.exit_code, server.asked) == (2, [])
    assert message in result.stderr


def test_a_refusal_shows_every_fault(server: Server) -> None:
    server.routes[SUBMIT] = problem(422, "invalid_batch", "The batch has a fault.")
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs", stdin=LINES)
    assert result.exit_code == 1
    assert "The batch has a fault. (invalid_batch)" in result.stderr


def test_json_is_one_line_a_batch(server: Server) -> None:
    server.routes[SUBMIT] = Answer(202, batch(queued=2))
    server.routes[SHOW] = Answer(200, batch(succeeded=2))
    result = cef(server, "runs", "submit", "--file", "-", "--agent", "docs", "--json", stdin=LINES)
    assert json.loads(result.stdout) == batch(succeeded=2)


def test_batches_are_listed_and_shown(server: Server) -> None:
    page = {"data": [batch(succeeded=1, queued=1)], "next_cursor": None, "has_more": False}
    server.routes["GET /api/v1/batches"] = Answer(200, page)
    server.routes[SHOW] = Answer(200, batch(succeeded=1, queued=1))
    listed = cef(server, "batches", "list")
    assert listed.stdout.split("\t")[2:] == ["1 of 2", "1 queued, 1 succeeded", "812 → 43", "$0.0012\n"]
    shown = cef(server, "batches", "show", ID)
    assert f"{ID}  1 of 2 ended" in shown.stdout
    assert "done at about" in shown.stdout
    assert shown.exit_code == 0


def test_following_a_batch(server: Server) -> None:
    server.routes[SHOW] = [Answer(200, batch(queued=2)), Answer(200, batch(succeeded=2))]
    assert cef(server, "batches", "show", ID, "--follow").exit_code == 0
    assert server.paths() == [SHOW, SHOW]


def test_cancelling_a_batch(server: Server) -> None:
    done = {"matched": 2, "cancelled": 1, "requested": 1, "remaining": 0}
    server.routes[f"POST /api/v1/batches/{ID}/cancel"] = Answer(202, done)
    result = cef(server, "batches", "cancel", ID)
    assert (result.exit_code, result.stderr) == (0, "2 runs match. 1 are cancelled, 1 are being stopped.\n")


def cancelling(asked: Asked) -> Answer:
    acted = 0 if asked.body.get("dry_run") else 3
    return Answer(202, {"matched": 5, "cancelled": acted, "requested": 0, "remaining": 5 - acted})


def test_cancelling_what_matches(server: Server) -> None:
    server.routes[CANCEL] = cancelling
    options = ("--agent", "docs", "--metadata", '{"k": 1}', "--maximum", "3")
    result = cef(server, "runs", "cancel-all", *options, stdin="y\n")
    assert result.exit_code == 0
    assert "Stop 3 of 5 runs?" in result.stderr
    assert "3 are cancelled, 0 are being stopped. 2 are left: repeat the command." in result.stderr
    wanted = {"filter": {"agent": "docs", "metadata": {"k": 1}}, "maximum": 3}
    assert [asked.body for asked in server.asked] == [wanted | {"dry_run": True}, wanted]


def test_a_no_and_a_dry_run_stop_nothing(server: Server) -> None:
    server.routes[CANCEL] = cancelling
    assert cef(server, "runs", "cancel-all", "--agent", "docs", stdin="n\n").exit_code == 1
    assert cef(server, "runs", "cancel-all", "--agent", "docs", "--dry-run").stderr == "5 runs match.\n"
    assert all(asked.body["dry_run"] for asked in server.asked)


@pytest.mark.parametrize("options", [(), ("--metadata", "{")])
def test_what_to_cancel_must_be_said(server: Server, options: tuple[str, ...]) -> None:
    assert cef(server, "runs", "cancel-all", *options).exit_code == 2
    assert server.asked == []
