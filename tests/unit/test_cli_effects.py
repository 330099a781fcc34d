"""`cef runs effects` and `cef runs resolve`: what they ask, print, and refuse to understand."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.cli_server import RUN, RUN_ID, Answer, Server, cef, page, problem, run_json, serving

EFFECT_ID = "01939c61-02aa-7f2e-8f64-2d4f4f1b7c55"
LIST = f"GET /api/v1/runs/{RUN_ID}/effects"
RESOLVE = f"POST /api/v1/runs/{RUN_ID}/effects/{EFFECT_ID}/resolve"


def effect(**changes: Any) -> dict[str, Any]:
    return {
        "id": EFFECT_ID,
        "key": "1/pay/c",
        "tool": "pay",
        "state": "outcome_unknown",
        "undecided": True,
        "arguments": {"amount": 120},
        "result": None,
        "late_result": None,
        "created_at": "2026-11-23T09:30:02Z",
    } | changes


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        known = effect(state="committed", undecided=False, result={"receipt": 7}, late_result="x" * 300)
        server.routes = {
            LIST: page(effect(), known),
            RESOLVE: Answer(body=effect(state="reconciled", undecided=False)),
            RUN: Answer(body=run_json("queued")),
        }
        yield server


def test_it_works(server: Server) -> None:
    result = cef(server, "runs", "effects", RUN_ID)
    first, second = result.stdout.splitlines()
    assert first.split("\t")[:3] == [EFFECT_ID, "pay", "outcome_unknown (decide)"]
    assert first.split("\t")[4:] == ['{"amount": 120}', "", ""]
    assert second.split("\t")[2:3] == ["committed"]
    assert second.split("\t")[5] == '{"receipt": 7}'
    assert len(second.split("\t")[6]) == 201


def test_json(server: Server) -> None:
    result = cef(server, "runs", "effects", RUN_ID, "--json")
    assert [row["state"] for row in json.loads(result.stdout)] == ["outcome_unknown", "committed"]


def test_a_run_that_changed_nothing(server: Server) -> None:
    server.routes[LIST] = page()
    assert cef(server, "runs", "effects", RUN_ID).stderr == "The run has changed nothing.\n"


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["--happened", '{"receipt": 7}'], {"decision": "happened", "result": {"receipt": 7}}),
        (["--happened", "null"], {"decision": "happened", "result": None}),
        (["--run", "--note", "Not there."], {"decision": "run", "note": "Not there."}),
        (["--stop"], {"decision": "stop"}),
    ],
)
def test_resolve(server: Server, words: list[str], body: dict[str, Any]) -> None:
    result = cef(server, "runs", "resolve", RUN_ID, EFFECT_ID, *words)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "The call of pay is reconciled; the run is queued.\n"
    assert server.asked[0].body == body


@pytest.mark.parametrize("words", [[], ["--run", "--stop"], ["--happened", "1", "--run"], ["--happened", "paid"]])
def test_what_cannot_be_understood(server: Server, words: list[str]) -> None:
    result = cef(server, "runs", "resolve", RUN_ID, EFFECT_ID, *words)
    assert (result.exit_code, server.asked) == (2, [])


def test_somebody_was_first(server: Server) -> None:
    server.routes[RESOLVE] = problem(409, "effect_decided", "Somebody has decided about this effect.")
    result = cef(server, "runs", "resolve", RUN_ID, EFFECT_ID, "--run")
    assert result.exit_code == 5
    assert "Somebody has decided" in result.stderr
