"""Batches and cancelling many runs over REST."""

import time

import pytest

from apps.accounts.permissions import Role
from apps.core.ids import new_id
from apps.runs.models import Batch, Run
from apps.runs.services import create_thread
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import finish, make_agent, set_up_run

URL = "/api/v1/runs/batch"
BATCHES = "/api/v1/batches"
CANCEL = "/api/v1/runs/cancel"


def test_it_works(client, support):
    make_agent(support, limits={"steps": 9})
    inputs = [{"input": "a", "metadata": {"ticket": "1"}}, {"input": {"b": 1}}]
    answer = client.post(URL, {"agent": "docs", "inputs": inputs, "limits": {"steps": 3}, "metadata": {"import": 7}})
    body = answer.json()
    batch = Batch.objects.get()
    assert answer.status_code == 202, body
    assert answer.headers["Location"] == f"http://testserver/api/v1/batches/{batch.id}" == body["links"]["self"]
    runs = [Run.objects.get(id=run_id) for run_id in body.pop("run_ids")]
    assert [(run.metadata, run.limits) for run in runs] == [({"ticket": "1"}, {"steps": 3}), ({}, {"steps": 3})]
    assert body == client.get(f"{BATCHES}/{batch.id}").json()
    assert client.get(BATCHES).json() == {"data": [body], "next_cursor": None, "has_more": False}
    assert (body["total"], body["ended"], body["counts"]["queued"], body["metadata"]) == (2, 0, 2, {"import": 7})
    listed = client.get(f"/api/v1/runs?batch_id={batch.id}").json()["data"]
    assert [row["id"] for row in listed] == [str(run.id) for run in reversed(runs)]
    assert {row["batch_id"] for row in listed} == {str(batch.id)}


def test_whole_requests(client, support):
    make_agent(support)
    thread = create_thread(support.id)
    runs = [
        {"agent": "docs", "input": "a", "thread_id": str(thread.id), "multitask_strategy": "enqueue"},
        {"agent": "docs@1", "input": "b", "files": [{"name": "a", "media_type": "text/plain", "data": "YWJj"}]},
    ]
    answer = client.post(URL, {"runs": runs})
    assert answer.status_code == 202, answer.content
    first, second = (Run.objects.get(id=run_id) for run_id in answer.json()["run_ids"])
    assert (first.thread_id, second.attachments[0]["size"]) == (thread.id, 3)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/runs": "required"}),
        ({"agent": "docs"}, {"/inputs": "required"}),
        ({"inputs": [{"input": "x"}]}, {"/agent": "required"}),
        ({"limits": {"steps": 1}}, {"/agent": "required", "/inputs": "required"}),
        ({"agent": "docs", "runs": []}, {"/agent": "ambiguous"}),
        ({"agent": "docs", "inputs": {}}, {"/inputs": "not_a_list"}),
        ({"agent": "docs", "inputs": [{"input": "x"}, {"imput": "x"}]}, {"/inputs/1/imput": "unknown_field",
                                                                       "/inputs/1/input": "required"}),
        ({"agent": "nobody", "inputs": [{"input": "x"}] * 3}, {"/agent": "agent_not_found"}),
        ({"agent": "docs", "inputs": [{"input": "x"}, {"input": ""}]}, {"/inputs/1/input": "empty"}),
        ({"agent": "docs", "inputs": []}, {}),
        ({"runs": [{"agent": "docs", "input": "x"}, {"agent": "docs", "input": "x", "limits": {"steps": 0}}]},
         {"/runs/1/limits/steps": "min_value"}),
        ({"runs": [{"agent": "docs", "input": "x", "mode": "wait"}]}, {"/runs/0/mode": "unknown_field"}),
        ({"runs": [{"agent": "docs@9", "input": "x"}]}, {"/runs/0/agent": "agent_version_not_found"}),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(client, support, body, found):
    make_agent(support)
    answer = client.post(URL, body)
    assert answer.status_code == 422, answer.content
    assert pointers(answer.json()) == found
    assert (Run.objects.count(), Batch.objects.count()) == (0, 0)


def test_a_thousand_and_one(client, support):
    make_agent(support)
    answer = client.post(URL, {"agent": "docs", "inputs": [{"input": "x"}] * 1001})
    assert (answer.status_code, pointers(answer.json())) == (422, {"/inputs": "max_length"})


def test_a_thousand_are_accepted_in_less_than_two_seconds_of_this_process(client, support):
    make_agent(support)
    set_up_run(support)
    inputs = [{"input": f"Question {n}?", "metadata": {"row": n}} for n in range(1000)]
    began = time.process_time()
    answer = client.post(URL, {"agent": "docs", "inputs": inputs}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, len(answer.json()["run_ids"])) == (202, 1000)
    assert time.process_time() - began < 2


def test_again_with_the_same_key(client, support):
    make_agent(support)
    body = {"agent": "docs", "inputs": [{"input": "x"}]}
    answers = [client.post(URL, body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (Run.objects.count(), Batch.objects.count()) == (1, 1)


def test_cancelling_a_batch(client, support):
    make_agent(support)
    body = client.post(URL, {"agent": "docs", "inputs": [{"input": n} for n in "abc"]}).json()
    other = set_up_run(support)
    finish(Run.objects.get(id=body["run_ids"][0]))
    answer = client.post(f"{BATCHES}/{body['id']}/cancel")
    assert (answer.status_code, answer.json()) == (202, {"matched": 2, "cancelled": 2, "requested": 0, "remaining": 0})
    assert client.get(f"{BATCHES}/{body['id']}").json()["counts"]["cancelled"] == 2
    assert Run.objects.get(id=other.id).status == "queued"


def test_cancelling_by_filter(client, support):
    runs = [set_up_run(support, metadata={"n": n % 2}) for n in range(4)]
    wanted = {"filter": {"metadata": {"n": 1}, "status": "queued,running"}}
    counted = client.post(CANCEL, wanted | {"dry_run": True}).json()
    assert counted == {"matched": 2, "cancelled": 0, "requested": 0, "remaining": 2}
    done = client.post(CANCEL, wanted | {"maximum": 1}).json()
    assert done == {"matched": 2, "cancelled": 1, "requested": 0, "remaining": 1}
    assert [Run.objects.get(id=run.id).status for run in runs] == ["queued", "cancelled", "queued", "queued"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/filter": "required"}),
        ({"filter": {}}, {"/filter": "empty"}),
        ({"filter": {"metadata": {}}}, {"/filter": "empty"}),
        ({"filter": {"colour": "red"}}, {"/filter/colour": "unknown_field"}),
        ({"filter": {"status": "done"}}, {"/filter/status": "unknown_status"}),
        ({"filter": {"metadata": "{}"}}, {"/filter/metadata": "not_a_dict"}),
        ({"filter": {"batch_id": "x"}}, {"/filter/batch_id": "invalid"}),
        ({"filter": {"agent": "docs"}, "maximum": 0}, {"/maximum": "min_value"}),
        ({"filter": {"agent": "docs"}, "maximum": 10_001}, {"/maximum": "max_value"}),
    ],
)
def test_a_filter_that_is_none_cancels_nothing(client, support, body, found):
    run = set_up_run(support)
    answer = client.post(CANCEL, body)
    assert (answer.status_code, pointers(answer.json())) == (422, found)
    assert Run.objects.get(id=run.id).status == "queued"


def test_another_workspaces_batch(client, stranger, support, sales):
    make_agent(support)
    batch_id = client.post(URL, {"agent": "docs", "inputs": [{"input": "x"}]}).json()["id"]
    for answer in (stranger.get(f"{BATCHES}/{batch_id}"), stranger.post(f"{BATCHES}/{batch_id}/cancel")):
        problem(answer, 404, "batch_not_found")
    problem(client.get(f"{BATCHES}/{new_id()}"), 404, "batch_not_found")
    assert stranger.get(BATCHES).json()["data"] == []
    stranger.post(CANCEL, {"filter": {"batch_id": batch_id}})
    assert Run.objects.get().status == "queued"


def test_who_may(bob, support):
    make_agent(support)
    body = {"agent": "docs", "inputs": [{"input": "x"}]}
    viewer = bob(Role.VIEWER)
    for path, sent in ((URL, body), (CANCEL, {"filter": {"agent": "docs"}})):
        assert problem(viewer.post(path, sent), 403, "permission_denied")["needed"] == "runs:write"
    assert viewer.get(BATCHES).status_code == 200
    assert Run.objects.count() == 0
