"""POST /runs: accepted, committed, and told where to look."""

import base64
import hashlib
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from apps.accounts.permissions import Role
from apps.accounts.services import pause_intake
from apps.core.models import Blob
from apps.runs.models import Run
from apps.runs.services import create_thread
from apps.runs.tickets import redeem_ticket
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import history, make_agent, set_up_run

URL = "/api/v1/runs"


def test_it_works(client, support, alice):
    make_agent(support, limits={"steps": 9})
    body = {"agent": "docs", "input": "How do I cancel a run?", "metadata": {"ticket": "4711"}}
    answer = client.post(URL, body, headers={"Request-Id": "req-1"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (202, "application/json")
    run = Run.objects.get()
    found = answer.json()
    assert datetime.fromisoformat(found.pop("created_at")) == run.created_at
    base = f"http://testserver/api/v1/runs/{run.id}"
    assert answer.headers["Location"] == base
    assert found == {
        "id": str(run.id),
        "status": "queued",
        "stop_reason": None,
        "attempt": 0,
        "agent": "docs",
        "agent_version": 1,
        "held": False,
        "thread_id": None,
        "parent_id": None,
        "batch_id": None,
        "rerun_of": None,
        "rerun_from": None,
        "error": None,
        "usage": {"steps": 0, "model_calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": "0"},
        "metadata": {"ticket": "4711"},
        "cancel_requested_at": None,
        "started_at": None,
        "finished_at": None,
        "links": {
            "self": base,
            "events": f"{base}/events",
            "live": f"http://live.testserver/api/v1/runs/{run.id}/events",
            "admin": f"http://testserver/admin/runs/run/{run.id}/change/",
        },
        "input": "How do I cancel a run?",
        "output": None,
        "payloads_removed_at": None,
        "attachments": [],
        "limits": {"steps": 9},
        "streaming": False,
        "context_versions": {},
    }
    assert (run.created_by_kind, run.created_by_id, run.request_id) == ("user", alice.id, "req-1")
    assert history(run.id) == ["run.queued"]


@pytest.mark.parametrize("value", [{"q": "Why?", "n": [1, 2.5, None, True]}, [1], 7, True, {}, []])
def test_any_json_is_an_input(client, support, value):
    make_agent(support)
    answer = client.post(URL, {"agent": "docs", "input": value})
    assert (answer.status_code, answer.json()["input"]) == (202, value)


def test_with_everything(client, support):
    make_agent(support, slug="triage", limits={"steps": 9, "seconds": 60})
    thread = create_thread(support.id)
    body = {
        "agent": "triage@1",
        "input": "x",
        "thread_id": str(thread.id),
        "limits": {"steps": 3, "usd": 0.05},
        "metadata": {"k": {"deep": [1]}},
        "files": [{"name": "a.txt", "media_type": "text/plain", "data": base64.b64encode(b"abc").decode()}],
        "mode": "background",
    }
    found = client.post(URL, body).json()
    assert (found["thread_id"], found["limits"]) == (str(thread.id), {"steps": 3, "usd": 0.05, "seconds": 60.0})
    digest = hashlib.sha256(b"abc").hexdigest()
    assert found["attachments"] == [{"name": "a.txt", "media_type": "text/plain", "size": 3, "digest": digest}]
    assert bytes(Blob.objects.get().data) == b"abc"


@pytest.mark.parametrize(("mode", "place"), [("wait", "wait"), ("stream", "events")])
def test_waiting_and_streaming_are_answered_by_live(client, support, mode, place):
    make_agent(support)
    answer = client.post(URL, {"agent": "docs", "input": "x", "mode": mode})
    run = Run.objects.get()
    place_of = urlsplit(answer.headers["Location"])
    assert answer.status_code == 303
    assert place_of._replace(query="").geturl() == f"http://live.testserver/api/v1/runs/{run.id}/{place}"
    (ticket,) = parse_qs(place_of.query)["ticket"]
    assert redeem_ticket(ticket, run.id) == support.id
    assert run.streaming is (mode == "stream")


def test_a_members_run_is_theirs(bob, support):
    make_agent(support)
    answer = bob(Role.OPERATOR).post(URL, {"agent": "docs", "input": "x"})
    assert (answer.status_code, Run.objects.get().created_by_kind) == (202, "user")


def test_a_long_request_id_is_kept_as_far_as_it_goes(client, support):
    make_agent(support)
    answer = client.post(URL, {"agent": "docs", "input": "x"}, headers={"Request-Id": "r" * 128})
    assert (answer.status_code, answer.headers["Request-Id"]) == (202, "r" * 128)
    assert Run.objects.get().request_id == "r" * 128


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_paused_intake(client, support, everywhere):
    make_agent(support)
    before = set_up_run(support)
    pause_intake(None if everywhere else support)
    answer = client.post(URL, {"agent": "docs", "input": "x"})
    problem(answer, 503, "intake_paused")
    assert answer.headers["Retry-After"] == "30"
    assert client.get(f"{URL}/{before.id}").status_code == 200
    assert client.post(f"{URL}/{before.id}/cancel").status_code == 202


def test_a_busy_thread(client, support):
    make_agent(support)
    thread = create_thread(support.id)
    body = {"agent": "docs", "input": "x", "thread_id": str(thread.id)}
    assert client.post(URL, body).status_code == 202
    refused = problem(client.post(URL, body), 409, "thread_busy")
    assert refused["thread_id"] == str(thread.id)
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"agent": "nobody"}, 404, "agent_not_found"),
        ({"agent": "docs@2"}, 404, "agent_version_not_found"),
        ({"agent": "docs@canary"}, 404, "agent_version_not_found"),
        ({"agent": "docs@production@1"}, 404, "agent_not_found"),
        ({"agent": "../docs"}, 404, "agent_not_found"),
        ({"agent": "docs' OR 1=1 --"}, 404, "agent_not_found"),
        ({"agent": "docs@" + "9" * 40}, 404, "agent_version_not_found"),
        ({"thread_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"}, 404, "thread_not_found"),
    ],
)
def test_what_it_names_is_not_there(client, support, change, status, code):
    make_agent(support)
    problem(client.post(URL, {"agent": "docs", "input": "x"} | change), status, code)
    assert Run.objects.count() == 0


FILE = {"name": "a", "media_type": "text/plain", "data": "YWJj"}


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"agent": None}, "/agent", "null"),
        ({"agent": ""}, "/agent", "blank"),
        ({"agent": ["docs"]}, "/agent", "invalid"),
        ({"agent": "a" * 121}, "/agent", "max_length"),
        ({"input": None}, "/input", "null"),
        ({"input": ""}, "/input", "empty"),
        ({"thread_id": "not-an-id"}, "/thread_id", "invalid"),
        ({"limits": {"steps": 0}}, "/limits/steps", "min_value"),
        ({"limits": {"steps": -1}}, "/limits/steps", "min_value"),
        ({"limits": {"steps": 1.5}}, "/limits/steps", "invalid"),
        ({"limits": {"steps": 10**9}}, "/limits/steps", "max_value"),
        ({"limits": {"steps": True}}, "/limits/steps", None),
        ({"limits": {"usd": -1}}, "/limits/usd", "min_value"),
        ({"limits": {"usd": "NaN"}}, "/limits/usd", None),
        ({"limits": {"seconds": "Infinity"}}, "/limits/seconds", None),
        ({"limits": {"seconds": 0.5}}, "/limits/seconds", "min_value"),
        ({"limits": {"cents": 1}}, "/limits/cents", "unknown_field"),
        ({"limits": []}, "/limits", "invalid"),
        ({"limits": None}, "/limits", "null"),
        ({"metadata": []}, "/metadata", "not_a_dict"),
        ({"metadata": "x"}, "/metadata", "not_a_dict"),
        ({"metadata": {str(n): n for n in range(51)}}, "/metadata", "too_many_keys"),
        ({"metadata": {"k": "x" * 20_000}}, "/metadata", "too_large"),
        ({"files": {}}, "/files", "not_a_list"),
        ({"files": [{}]}, "/files/0/name", "required"),
        ({"files": [FILE | {"data": "!!"}]}, "/files/0/data", None),
        ({"files": [FILE | {"data": "YWJj\n"}]}, "/files/0/data", None),
        ({"files": [FILE | {"media_type": "text"}]}, "/files/0/media_type", "invalid"),
        ({"files": [FILE | {"media_type": "text/plain\r\nX-Evil: 1"}]}, "/files/0/media_type", "invalid"),
        ({"files": [FILE | {"path": "/etc/passwd"}]}, "/files/0/path", "unknown_field"),
        ({"files": [FILE] * 21}, "/files", "too_many_files"),
        ({"mode": "later"}, "/mode", "invalid_choice"),
        ({"mode": None}, "/mode", "null"),
        ({"workspace": "sales"}, "/workspace", "unknown_field"),
        ({"status": "succeeded"}, "/status", "unknown_field"),
        ({"created_by_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"}, "/created_by_id", "unknown_field"),
        ({"streaming": True}, "/streaming", "unknown_field"),
    ],
)
def test_wrong_input_is_told_where_it_is_wrong(client, support, change, pointer, code):
    make_agent(support)
    answer = client.post(URL, {"agent": "docs", "input": "x"} | change)
    body = answer.json()
    assert (answer.status_code, body["code"] in {"invalid_input", "invalid_run_input"}) == (422, True), body
    assert pointer in pointers(body), body
    if code is not None:
        assert pointers(body)[pointer] == code
    assert (Run.objects.count(), Blob.objects.count()) == (0, 0)


@pytest.mark.parametrize("missing", ["agent", "input"])
def test_what_must_be_there(client, support, missing):
    body = {"agent": "docs", "input": "x"}
    del body[missing]
    assert pointers(problem(client.post(URL, body), 422, "invalid_input")) == {f"/{missing}": "required"}


@pytest.mark.parametrize("body", [[], "docs", 7, None, True])
def test_a_body_that_is_no_object(client, body):
    problem(client.post(URL, body), 422, "invalid_input")


def test_a_file_just_small_enough_and_one_too_large(client, support):
    make_agent(support)
    largest = base64.b64encode(bytes(5 * 1024 * 1024)).decode()
    body = {"agent": "docs", "input": "x", "files": [FILE | {"data": largest}]}
    assert client.post(URL, body).status_code == 202
    body["files"] = [FILE | {"data": base64.b64encode(bytes(5 * 1024 * 1024 + 1)).decode()}]
    assert pointers(problem(client.post(URL, body), 422, "invalid_input")) == {"/files/0/data": "file_too_large"}


def test_the_thread_of_another_workspace(client, support, sales):
    make_agent(support)
    theirs = create_thread(sales.id)
    answer = client.post(URL, {"agent": "docs", "input": "x", "thread_id": str(theirs.id)})
    problem(answer, 404, "thread_not_found")


def test_the_agent_of_another_workspace(client, sales):
    make_agent(sales)
    problem(client.post(URL, {"agent": "docs", "input": "x"}), 404, "agent_not_found")


def test_ids_sort_by_time(client, support):
    make_agent(support)
    ids = [UUID(client.post(URL, {"agent": "docs", "input": "x"}).json()["id"]) for _ in range(5)]
    assert ids == sorted(ids)
    assert {id_.version for id_ in ids} == {7}
