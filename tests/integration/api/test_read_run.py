"""One run: itself, its steps, the context of a step, its history, its export."""

import json

import pytest

from apps.contexts.assembly import AssemblyRequest, Mount, assemble
from apps.contexts.changes import Author, Put
from apps.contexts.services import commit_entries, create_context
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Run
from apps.runs.states import RunStatus
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import claim, finish, make_agent, record, set_up_run

URL = "/api/v1/runs"


@pytest.fixture
def run(support) -> Run:
    """Finished after two steps."""
    run = set_up_run(support, input={"q": "Why?"}, metadata={"k": 1})
    claim()
    record(run.id, 1, first_token_ms=12)
    record(
        run.id,
        1,
        "1/t/a",
        kind="tool",
        name="double",
        tool_call_id="call-a",
        model_calls=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=0,
        request=b'{"x":21}',
        result=b'{"result":42,"kind":"tool_return"}',
        event=canonical.dump({"kind": "tool", "name": "double"}),
    )
    finish(run)
    return run


def test_it_works(client, run):
    body = client.get(f"{URL}/{run.id}").json()
    assert (body["status"], body["input"], body["output"]) == ("succeeded", {"q": "Why?"}, "Hello.")
    assert body["usage"] == {
        "steps": 2,
        "model_calls": 1,
        "input_tokens": 3,
        "output_tokens": 4,
        "cost_usd": "0.000005",
    }
    assert body["created_at"].endswith("Z")


def test_its_steps(client, run):
    body = client.get(f"{URL}/{run.id}/steps").json()
    assert (body["has_more"], body["next_cursor"]) == (False, None)
    model, tool = body["data"]
    times = {name: tool.pop(name) for name in ("started_at", "finished_at", "duration_ms")}
    assert times["started_at"] < times["finished_at"]
    assert 240 <= times["duration_ms"] <= 600
    assert tool == {
        "n": 2,
        "kind": "tool",
        "name": "double",
        "tool_call_id": "call-a",
        "attempt": 1,
        "reused": False,
        "error_code": None,
        "first_token_ms": None,
        "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0"},
    }
    assert (model["n"], model["kind"], model["tool_call_id"], model["first_token_ms"]) == (1, "model", None, 12)


def test_pages_of_steps(client, support):
    run = set_up_run(support)
    claim()
    for n in range(7):
        record(run.id, 1, key=f"{n}/x/0")
    first = client.get(f"{URL}/{run.id}/steps?limit=4").json()
    second = client.get(f"{URL}/{run.id}/steps?limit=4&cursor={first['next_cursor']}").json()
    assert [step["n"] for step in first["data"] + second["data"]] == list(range(1, 8))
    assert second["has_more"] is False
    other = set_up_run(support)
    problem(client.get(f"{URL}/{other.id}/steps?cursor={first['next_cursor']}"), 400, "invalid_cursor")


def test_one_step(client, run):
    body = client.get(f"{URL}/{run.id}/steps/2").json()
    assert (body["request"], body["result"]) == ({"x": 21}, {"result": 42, "kind": "tool_return"})
    assert client.get(f"{URL}/{run.id}/steps/1").json()["request"] is None


@pytest.mark.parametrize("n", ["0", "3", "2147483647", "2147483648", "9" * 30])
def test_a_step_that_is_not_there(client, run, n):
    problem(client.get(f"{URL}/{run.id}/steps/{n}"), 404, "step_not_found")
    problem(client.get(f"{URL}/{run.id}/steps/{n}/context"), 404, "manifest_not_found")


@pytest.mark.parametrize("n", ["-1", "x", "1.0", "%D9%A3", "9" * 5000, "1/2"])
def test_an_address_that_is_no_step(client, run, n):
    problem(client.get(f"{URL}/{run.id}/steps/{n}"), 404, "not_found")


def test_a_step_without_a_context(client, run):
    problem(client.get(f"{URL}/{run.id}/steps/1/context"), 404, "manifest_not_found")


def test_its_history(client, run):
    body = client.get(f"{URL}/{run.id}/events").json()
    events = [(event["seq"], event["type"], event["step"]) for event in body["data"]]
    assert events == [
        (1, "run.queued", None),
        (2, "run.started", None),
        (3, "step.recorded", 1),
        (4, "step.recorded", 2),
        (5, "run.succeeded", None),
    ]
    assert (body["data"][3]["kind"], body["data"][3]["name"], body["data"][1]["attempt"]) == ("tool", "double", 1)


@pytest.mark.parametrize(("after", "left"), [("0", 5), ("3", 2), ("5", 0), ("999999999999999999", 0)])
def test_its_history_after_a_number(client, run, after, left):
    assert len(client.get(f"{URL}/{run.id}/events?after={after}").json()["data"]) == left


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "9" * 19, "9" * 5000, "%D9%A3", "1e3", " 1"])
def test_a_number_that_is_none(client, run, after):
    body = problem(client.get(f"{URL}/{run.id}/events?after={after}"), 422, "invalid_input")
    assert list(pointers(body)) == ["/after"]


def test_pages_of_history(client, run):
    first = client.get(f"{URL}/{run.id}/events?after=1&limit=2").json()
    second = client.get(f"{URL}/{run.id}/events?after=1&limit=2&cursor={first['next_cursor']}").json()
    assert [event["seq"] for event in first["data"] + second["data"]] == [2, 3, 4, 5]
    assert (first["has_more"], second["has_more"]) == (True, False)


@pytest.mark.parametrize("accept", ["text/event-stream", "text/event-stream, application/json;q=0.5"])
def test_a_stream_of_it_is_at_live(client, run, accept):
    answer = client.get(f"{URL}/{run.id}/events?after=3", headers={"Accept": accept})
    assert answer.status_code == 303
    place, _, query = answer.headers["Location"].partition("?")
    assert place == f"http://live.testserver/api/v1/runs/{run.id}/events"
    assert "ticket=" in query
    assert query.endswith("&after=3")


def test_a_stream_from_a_number_that_is_none(client, run):
    answer = client.get(f"{URL}/{run.id}/events?after=x", headers={"Accept": "text/event-stream"})
    problem(answer, 422, "invalid_input")


def test_its_export(client, run):
    body = json.loads(client.get(f"{URL}/{run.id}/export").content)
    assert body.keys() >= {"id", "input", "output", "steps", "events", "effects"}
    assert [step["key"] for step in body["steps"]] == ["1/agent__model.request/0", "1/t/a"]
    assert len(body["events"]) == 5


def test_the_context_of_a_step(client, support):
    """What was in the prompt, byte by byte, and why; the engine's tests assemble it, here it is read."""
    handbook = create_context(support.id, path="handbook")
    commit_entries(handbook, [Put("rule", "Refunds take 30 days.")], by=Author("alice"))
    make_agent(support, mounts=[{"context": "handbook"}], instructions="Be brief.")
    run = set_up_run(support, input="How long?")
    assembly = assemble(
        AssemblyRequest(
            workspace_id=support.id,
            budget_tokens=1000,
            tokenizer="o200k_base",
            mounts=(Mount(handbook.id, None, "read", 0.0),),
            frozen={handbook.id: 1},
            instructions="Be brief.",
            query="How long?",
            question="How long?",
        )
    )
    claim()
    record(run.id, 1, manifest=assembly.manifest.data)
    body = client.get(f"{URL}/{run.id}/steps/1/context").json()
    assert body["prompt"] == {"stable": assembly.stable, "tail": assembly.tail}
    assert "Refunds take 30 days." in "".join(item["text"] for item in body["items"])


@pytest.mark.parametrize("address", ["", "/steps", "/steps/1", "/steps/1/context", "/events", "/export"])
def test_a_run_that_is_not_there(client, stranger, run, address):
    for asker, run_id in ((client, new_id()), (stranger, run.id)):
        problem(asker.get(f"{URL}/{run_id}{address}"), 404, "run_not_found")
    answer = stranger.get(f"{URL}/{run.id}/events", headers={"Accept": "text/event-stream"})
    problem(answer, 404, "run_not_found")


@pytest.mark.parametrize(
    "run_id",
    [
        "7",
        "not-an-id",
        "01939C5E-8F5B-7C11-9D0E-2B8C0F6F7A10",
        "01939c5e8f5b7c119d0e2b8c0f6f7a10",
        "..",
        "%2e%2e",
        "%20",
    ],
)
def test_an_id_that_is_none(client, run_id):
    assert client.get(f"{URL}/{run_id}").status_code == 404


def test_a_run_while_it_fails(client, support):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    assert client.get(f"{URL}/{run.id}").json()["output"] is None
