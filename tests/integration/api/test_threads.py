"""Conversations over REST."""

import pytest

from apps.core.ids import new_id
from apps.runs.models import Thread
from apps.runs.services import create_thread
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import make_agent

URL = "/api/v1/threads"


def test_it_works(client, support):
    answer = client.post(URL, {"title": "Refund", "metadata": {"case": 42}})
    body = answer.json()
    thread = Thread.objects.get()
    assert answer.status_code == 201
    assert body == {
        "id": str(thread.id),
        "title": "Refund",
        "metadata": {"case": 42},
        "forked_from": None,
        "forked_at": None,
        "created_at": body["created_at"],
    }
    assert client.get(f"{URL}/{thread.id}").json() == body
    assert client.get(URL).json() == {"data": [body], "next_cursor": None, "has_more": False}
    assert thread.workspace_id == support.id


@pytest.mark.parametrize("body", [{}, None, {"title": ""}])
def test_nothing_need_be_said(client, body):
    answer = client.post(URL, body)
    assert (answer.status_code, answer.json()["title"], answer.json()["metadata"]) == (201, "", {})


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"title": "x" * 201}, "/title", "max_length"),
        ({"title": None}, "/title", "null"),
        ({"title": {"a": 1}}, "/title", "invalid"),
        ({"metadata": []}, "/metadata", "not_a_dict"),
        ({"metadata": {"k": "x" * 20_000}}, "/metadata", "too_large"),
        ({"metadata": {str(n): n for n in range(51)}}, "/metadata", "too_many_keys"),
        ({"id": str(new_id())}, "/id", "read_only_field"),
        ({"created_at": "2026-01-01T00:00:00Z"}, "/created_at", "read_only_field"),
        ({"workspace": "sales"}, "/workspace", "unknown_field"),
    ],
)
def test_what_is_wrong(client, body, pointer, code):
    answer = client.post(URL, body)
    assert answer.status_code == 422
    assert pointers(answer.json()) == {pointer: code}
    assert Thread.objects.count() == 0


def test_the_newest_first_page_by_page(client, support):
    threads = [str(create_thread(support.id).id) for _ in range(5)]
    first = client.get(f"{URL}?limit=3").json()
    second = client.get(f"{URL}?limit=3&cursor={first['next_cursor']}").json()
    assert [row["id"] for row in first["data"] + second["data"]] == threads[::-1]


def test_another_workspaces_thread(client, stranger, support):
    thread = create_thread(support.id)
    problem(stranger.get(f"{URL}/{thread.id}"), 404, "thread_not_found")
    assert stranger.get(URL).json()["data"] == []
    problem(client.get(f"{URL}/{new_id()}"), 404, "thread_not_found")


def test_its_runs(client, support):
    make_agent(support)
    thread = client.post(URL, {}).json()["id"]
    run = client.post("/api/v1/runs", {"agent": "docs", "input": "x", "thread_id": thread}).json()["id"]
    client.post("/api/v1/runs", {"agent": "docs", "input": "x"})
    assert [row["id"] for row in client.get(f"/api/v1/runs?thread_id={thread}").json()["data"]] == [run]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_thread_cannot_be_changed(client, support, method):
    thread = create_thread(support.id)
    problem(client.generic(method.upper(), f"{URL}/{thread.id}"), 405, "method_not_allowed")
