"""Naughty strings in every text field: taken as they are, or refused; never a 500."""

import base64
import json

import pytest

from apps.runs.models import Run, Thread
from tests.integration.api.naughty import NAUGHTY
from tests.integration.runs.world import make_agent


@pytest.fixture(autouse=True)
def _agent(support) -> None:
    make_agent(support)


@pytest.mark.parametrize("text", NAUGHTY)
def test_it_works(client, text):
    """As input, metadata and the name of a file it comes back as it was sent."""
    file = {"name": f"a{text}", "media_type": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    body = {"agent": "docs", "input": {text: text}, "metadata": {text: [text]}, "files": [file]}
    answer = client.post("/api/v1/runs", body)
    assert answer.status_code == 202, answer.content
    found = json.loads(answer.content)
    assert (found["input"], found["metadata"]) == ({text: text}, {text: [text]})
    assert found["attachments"][0]["name"] == f"a{text}".strip()
    again = json.loads(client.get(f"/api/v1/runs/{found['id']}").content)
    assert again == found | {"children": [], "waits": []}
    listed = client.get("/api/v1/runs", {"metadata": json.dumps({text: [text]})})
    assert [row["id"] for row in listed.json()["data"]] == [found["id"]]


@pytest.mark.parametrize("text", NAUGHTY)
def test_as_the_title_of_a_thread(client, text):
    answer = client.post("/api/v1/threads", {"title": text, "metadata": {"k": text}})
    assert answer.status_code == 201
    assert Thread.objects.get().title == text.strip()
    assert client.get("/api/v1/threads").json()["data"][0]["metadata"] == {"k": text}


@pytest.mark.parametrize("text", NAUGHTY)
@pytest.mark.parametrize("field", ["agent", "thread_id", "mode", "limits", "metadata", "files"])
def test_where_it_does_not_belong(client, field, text):
    body = {"agent": "docs", "input": "x"} | {field: text}
    answer = client.post("/api/v1/runs", body)
    assert answer.status_code in {404, 422}, answer.content
    assert Run.objects.count() == 0


@pytest.mark.parametrize("text", NAUGHTY)
@pytest.mark.parametrize("name", ["status", "agent", "thread_id", "created_after", "metadata", "limit", "cursor", "x"])
def test_in_the_query(client, name, text):
    answer = client.get("/api/v1/runs", {name: text})
    assert answer.status_code in {200, 400, 422}, answer.content
    assert answer.status_code != 200 or name == "agent"


@pytest.mark.parametrize("text", NAUGHTY)
def test_in_a_header(client, text):
    line = text.encode().decode("latin-1").replace("\r", " ").replace("\n", " ")
    for header in ("Accept", "Request-Id", "Idempotency-Key", "CEF-Workspace", "Last-Event-ID", "Cookie"):
        answer = client.post("/api/v1/runs", {"agent": "docs", "input": "x"}, headers={header: line})
        assert answer.status_code in {202, 400, 403, 404, 406, 409, 422}, (header, answer.content)


@pytest.mark.parametrize("text", NAUGHTY)
def test_in_the_address(client, text):
    for address in (f"/api/v1/runs/{text}", f"/api/v1/threads/{text}", f"/api/v1/{text}"):
        answer = client.generic("GET", address)
        assert answer.status_code in {200, 400, 404, 405}, (address, answer.content)
