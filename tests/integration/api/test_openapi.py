"""What the API of runs answers is what its OpenAPI document says, and the examples there keep their own schemas."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.test import APIClient

from apps.agents.services import set_label
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Run, Thread
from apps.runs.services import cancel_run, create_thread
from apps.runs.statements import INTEND, RECORD_EFFECT_STEP
from apps.runs.states import RunStatus
from tests.integration.runs.world import claim, finish, intent_row, make_agent, one, record, set_up_run, step_row

OPERATIONS = {
    "runs_list": ("get", "/api/v1/runs"),
    "runs_create": ("post", "/api/v1/runs"),
    "runs_retrieve": ("get", "/api/v1/runs/{id}"),
    "runs_delete": ("delete", "/api/v1/runs/{id}"),
    "runs_cancel": ("post", "/api/v1/runs/{id}/cancel"),
    "runs_cancel_many": ("post", "/api/v1/runs/cancel"),
    "runs_resume": ("post", "/api/v1/runs/{id}/resume"),
    "runs_rerun": ("post", "/api/v1/runs/{id}/rerun"),
    "runs_compare": ("get", "/api/v1/runs/{id}/compare"),
    "runs_steps": ("get", "/api/v1/runs/{id}/steps"),
    "runs_step": ("get", "/api/v1/runs/{id}/steps/{n}"),
    "runs_step_context": ("get", "/api/v1/runs/{id}/steps/{n}/context"),
    "runs_events": ("get", "/api/v1/runs/{id}/events"),
    "runs_export": ("get", "/api/v1/runs/{id}/export"),
    "threads_list": ("get", "/api/v1/threads"),
    "threads_create": ("post", "/api/v1/threads"),
    "threads_retrieve": ("get", "/api/v1/threads/{id}"),
    "threads_fork": ("post", "/api/v1/threads/{id}/fork"),
    "batches_list": ("get", "/api/v1/batches"),
    "batches_create": ("post", "/api/v1/runs/batch"),
    "batches_retrieve": ("get", "/api/v1/batches/{id}"),
    "batches_cancel": ("post", "/api/v1/batches/{id}/cancel"),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it is served, to anybody."""
    answer = APIClient().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.content)
    return found


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Where the value breaks the schema, which may refer to the document's components."""
    rooted = schema | {"components": document["components"]}
    found = Draft202012Validator(rooted, format_checker=FormatChecker()).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def conforms(document: dict[str, Any], name: str, answer: Any) -> Any:
    """The body, once its status, media type and shape are what the operation declares."""
    _, _, operation = operations(document)[name]
    declared = operation["responses"][str(answer.status_code)]
    if not answer.content:
        assert "content" not in declared
        return None
    media_type = answer.headers["Content-Type"]
    schema = declared["content"][media_type]["schema"]
    body = json.loads(answer.content)
    assert faults(document, schema, body) == [], (name, body)
    return body


def test_it_works(document):
    validate_schema(document)
    assert document["openapi"] == "3.1.1"
    found = operations(document)
    rooms = ("runs_", "threads_", "batches_")
    mine = {name: (method, path) for name, (method, path, _) in found.items() if name.startswith(rooms)}
    assert mine == OPERATIONS


@pytest.fixture
def full(support) -> Run:
    """A run with steps of each kind, an effect, usage, a thread, metadata and a failure."""
    make_agent(support, limits={"steps": 9, "usd": 0.5, "seconds": 60})
    run = set_up_run(support, input={"q": [1]}, metadata={"k": "v"}, thread_id=create_thread(support.id).id)
    claim()
    record(run.id, 1, first_token_ms=3, manifest=canonical.dump({"items": []}))
    one(INTEND, intent_row(run.id, key="1/t/a", tool="note"))
    tool = {"kind": "tool", "name": "note", "tool_call_id": "a", "model_calls": 0, "request": b'{"x":1}'}
    one(
        RECORD_EFFECT_STEP, step_row(run.id, 1, "1/t/a", **tool, event=canonical.dump({"kind": "tool", "name": "note"}))
    )
    cancel_run(support.id, run.id)
    finish(run, RunStatus.FAILED)
    return run


def test_every_good_answer_is_as_declared(document, client, support, full):
    address = f"/api/v1/runs/{full.id}"
    for name, path in {
        "runs_list": "/api/v1/runs",
        "runs_retrieve": address,
        "runs_steps": f"{address}/steps",
        "runs_step": f"{address}/steps/2",
        "runs_events": f"{address}/events",
        "runs_export": f"{address}/export",
        "runs_compare": f"{address}/compare?with={full.id}",
        "threads_list": "/api/v1/threads",
        "threads_retrieve": f"/api/v1/threads/{full.thread_id}",
    }.items():
        body = conforms(document, name, client.get(path))
        assert body
    conforms(document, "threads_create", client.post("/api/v1/threads", {"title": "x"}))
    created = conforms(document, "runs_create", client.post("/api/v1/runs", {"agent": "docs", "input": "x"}))
    conforms(document, "runs_cancel", client.post(f"/api/v1/runs/{created['id']}/cancel"))
    conforms(document, "runs_resume", client.post(f"{address}/resume", {}))
    conforms(document, "runs_cancel", client.post(f"{address}/cancel"))
    conforms(document, "runs_delete", client.delete(address))
    conforms(document, "threads_fork", client.post(f"/api/v1/threads/{full.thread_id}/fork", {}))
    conforms(document, "runs_rerun", client.post(f"/api/v1/runs/{created['id']}/rerun", {"from_step": 1}))
    some = {"agent": "docs", "inputs": [{"input": "x"}, {"input": {"q": 1}, "metadata": {"k": 1}}]}
    batch = conforms(document, "batches_create", client.post("/api/v1/runs/batch", some))
    conforms(document, "batches_retrieve", client.get(f"/api/v1/batches/{batch['id']}"))
    conforms(document, "batches_list", client.get("/api/v1/batches"))
    conforms(document, "runs_cancel_many", client.post("/api/v1/runs/cancel", {"filter": {"status": "queued"}}))
    conforms(document, "batches_cancel", client.post(f"/api/v1/batches/{batch['id']}/cancel"))


@pytest.mark.parametrize("value", [None, "text", 7, 1.5, True, [], {}, {"a": [None]}])
def test_any_json_output_is_as_declared(document, client, support, value):
    run = set_up_run(support, input=value or "x")
    finish(run, output=canonical.dump(value))
    body = conforms(document, "runs_retrieve", client.get(f"/api/v1/runs/{run.id}"))
    assert body["output"] == value


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_state_is_as_declared(document, client, support, status):
    run = set_up_run(support)
    Run.objects.filter(id=run.id).update(status=status)
    assert conforms(document, "runs_retrieve", client.get(f"/api/v1/runs/{run.id}"))["status"] == status


def test_every_refusal_is_as_declared(document, client, stranger, bob, support, full):
    address = f"/api/v1/runs/{full.id}"
    bearerless = APIClient()
    refusals = {
        ("runs_create", 400): client.generic("POST", "/api/v1/runs", b"{", content_type="application/json"),
        ("runs_list", 401): bearerless.get("/api/v1/runs"),
        ("runs_list", 422): client.get("/api/v1/runs?status=x"),
        ("runs_list", 400): client.get("/api/v1/runs?cursor=x"),
        ("runs_retrieve", 404): stranger.get(address),
        ("runs_create", 404): client.post("/api/v1/runs", {"agent": "nobody", "input": "x"}),
        ("runs_create", 422): client.post("/api/v1/runs", {"agent": "docs"}),
        ("runs_create", 415): client.generic("POST", "/api/v1/runs", b"x", content_type="text/plain"),
        ("runs_cancel", 409): client.post(f"{address}/cancel"),
        ("runs_delete", 404): client.delete(f"/api/v1/runs/{new_id()}"),
        ("runs_events", 422): client.get(f"{address}/events?after=x"),
        ("runs_steps", 422): client.get(f"{address}/steps?limit=0"),
        ("runs_step", 404): client.get(f"{address}/steps/99"),
        ("runs_step_context", 404): client.get(f"{address}/steps/2/context"),
        ("batches_create", 422): client.post("/api/v1/runs/batch", {"agent": "nobody", "inputs": [{"input": "x"}]}),
        ("batches_retrieve", 404): client.get(f"/api/v1/batches/{new_id()}"),
        ("runs_cancel_many", 422): client.post("/api/v1/runs/cancel", {"filter": {}}),
        ("runs_rerun", 422): client.post(f"{address}/rerun", {"from_step": 2}),
        ("runs_compare", 404): client.get(f"{address}/compare?with={new_id()}"),
        ("runs_rerun", 404): stranger.post(f"{address}/rerun", {"from_step": 1}),
        ("threads_fork", 404): client.post(f"/api/v1/threads/{new_id()}/fork", {}),
        ("threads_create", 422): client.post("/api/v1/threads", {"title": 1, "x": 2}),
        ("threads_retrieve", 404): client.get(f"/api/v1/threads/{new_id()}"),
    }
    for (name, status), answer in refusals.items():
        assert answer.status_code == status, (name, answer.content)
        conforms(document, name, answer)


def examples(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Each example of a request or answer of these operations, with its schema."""
    for name in OPERATIONS:
        _, _, operation = operations(document)[name]
        parts = {"request": operation.get("requestBody", {})} | operation["responses"]
        for place, part in parts.items():
            for content in part.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    yield name, place, content["schema"], example["value"]


def test_examples_keep_their_own_schemas(document):
    found = list(examples(document))
    assert {name for name, _, _, _ in found} >= {"runs_create", "runs_list", "runs_retrieve", "threads_create"}
    for name, place, schema, value in found:
        assert faults(document, schema, value) == [], (name, place)


def test_examples_of_requests_are_accepted(document, client, support):
    """What people copy from the page works, once the agents that it names are there."""
    version = make_agent(support, slug="docs")
    set_label(version.agent, name="production", number=1)
    for name, place, _, value in examples(document):
        if name == "runs_create" and place == "request":
            slug, _, _ = value["agent"].partition("@")
            if slug != "docs":
                make_agent(support, slug=slug)
            if "thread_id" in value:
                Thread.objects.create(workspace=support, id=value["thread_id"])
            answer = client.post("/api/v1/runs", value | {"agent": slug})
            assert answer.status_code in {202, 303}, answer.content
        if name == "runs_cancel_many" and place == "request":
            assert client.post("/api/v1/runs/cancel", value).status_code == 202
        if name == "batches_create" and place == "request":
            slugs = {run["agent"] for run in value.get("runs", [value])}
            for slug in slugs - {"docs", "docs@production"}:
                make_agent(support, slug=f"{slug.partition('@')[0]}-many")
            text = json.dumps(value).replace("triage@3", "triage-many")
            answer = client.generic("POST", "/api/v1/runs/batch", text, content_type="application/json")
            assert answer.status_code == 202, answer.content
        if name == "threads_create" and place == "request":
            assert client.post("/api/v1/threads", value).status_code == 201


def test_what_is_refused_is_refused_by_the_schema_too(document, client, support):
    """A client that checks its bodies first is told the same."""
    make_agent(support)
    schema = operations(document)["runs_create"][2]["requestBody"]["content"]["application/json"]["schema"]
    good = {"agent": "docs", "input": "x"}
    assert faults(document, schema, good) == []
    for change in ({"x": 1}, {"mode": "later"}, {"limits": {"steps": 0}}, {"thread_id": "x"}, {"files": {}}):
        assert faults(document, schema, good | change) != [], change
        assert client.post("/api/v1/runs", good | change).status_code == 422


def test_the_docs_page(document):
    answer = APIClient().get("/api/docs/")
    assert answer.status_code == 200
    assert b"swagger" in answer.content.lower()
