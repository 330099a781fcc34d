"""Cancel, resume and erase over REST: the same services, the same refusals."""

import pytest

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Event, Run
from apps.runs.states import RunStatus
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import bells, claim, finish, history, make_agent, set_up_run

URL = "/api/v1/runs"


def test_it_works(client, support, alice):
    run = set_up_run(support)
    answer = client.post(f"{URL}/{run.id}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["stop_reason"]) == (
        202,
        "cancelled",
        "cancelled_by",
    )
    event = canonical.load(Event.objects.get(run_id=run.id, seq=2).data)
    assert event == {"by": "user", "id": str(alice.id)}


def test_cancel_a_running_run(client, support):
    run = set_up_run(support)
    claim()
    body = client.post(f"{URL}/{run.id}/cancel").json()
    assert (body["status"], body["cancel_requested_at"] is not None) == ("running", True)
    assert client.post(f"{URL}/{run.id}/cancel").json()["cancel_requested_at"] == body["cancel_requested_at"]
    assert history(run.id).count("run.cancel_requested") == 1


def test_cancel_a_finished_run(client, support):
    run = set_up_run(support)
    finish(run)
    problem(client.post(f"{URL}/{run.id}/cancel"), 409, "run_finished")


def test_resume(client, support):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    bells()
    answer = client.post(f"{URL}/{run.id}/resume", {"limits": {"steps": 70}})
    body = answer.json()
    assert (answer.status_code, body["status"], body["error"], body["limits"]) == (202, "queued", None, {"steps": 70})
    assert history(run.id)[-1] == "run.resumed"


@pytest.mark.parametrize("body", [None, {}])
def test_resume_without_a_word(client, support, body):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    answer = client.post(f"{URL}/{run.id}/resume", body)
    assert (answer.status_code, answer.json()["limits"]) == (202, {"steps": 50})


def test_resume_with_what_is_wrong(client, support):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    refused = problem(client.post(f"{URL}/{run.id}/resume", {"limits": {"steps": 0}, "x": 1}), 422, "invalid_input")
    assert pointers(refused) == {"/limits/steps": "min_value", "/x": "unknown_field"}
    assert Run.objects.get().status == "failed"


def test_resume_what_has_not_failed(client, support):
    run = set_up_run(support)
    problem(client.post(f"{URL}/{run.id}/resume"), 409, "run_not_resumable")
    finish(run)
    problem(client.post(f"{URL}/{run.id}/resume"), 409, "run_not_resumable")


def test_erase(client, support):
    run = set_up_run(support)
    problem(client.delete(f"{URL}/{run.id}"), 409, "run_not_finished")
    finish(run)
    answer = client.delete(f"{URL}/{run.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(client.delete(f"{URL}/{run.id}"), 404, "run_not_found")
    assert (Run.objects.count(), Event.objects.count()) == (0, 0)


def test_erase_what_an_idempotency_key_remembers(client, support):
    make_agent(support)
    ask = {"path": URL, "data": {"agent": "docs", "input": "my secret"}, "headers": {"Idempotency-Key": "k"}}
    made = client.post(**ask)
    run = Run.objects.get(id=made.json()["id"])
    finish(run)
    client.delete(f"{URL}/{run.id}")
    problem(client.post(**ask), 410, "answer_erased")
    assert Run.objects.count() == 0


def test_another_workspaces_run(stranger, support):
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    before = history(run.id)
    for run_id in (run.id, new_id()):
        problem(stranger.post(f"{URL}/{run_id}/cancel"), 404, "run_not_found")
        problem(stranger.post(f"{URL}/{run_id}/resume"), 404, "run_not_found")
        problem(stranger.delete(f"{URL}/{run_id}"), 404, "run_not_found")
    assert (Run.objects.get().status, history(run.id)) == ("failed", before)


@pytest.mark.parametrize("body", [{"reason": "x"}, [1], "x"])
def test_a_body_that_nobody_asked_for(client, support, body):
    """Cancel takes no body; one that is sent is not half understood."""
    run = set_up_run(support)
    answer = client.post(f"{URL}/{run.id}/cancel", body)
    assert answer.status_code in {202, 422}
    assert Run.objects.get().status == ("cancelled" if answer.status_code == 202 else "queued")


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("put", ""),
        ("patch", ""),
        ("post", ""),
        ("get", "/cancel"),
        ("delete", "/cancel"),
        ("get", "/resume"),
        ("post", "/steps"),
        ("delete", "/events"),
        ("post", "/export"),
        ("options", ""),
        ("trace", ""),
    ],
)
def test_a_method_that_is_not_offered(client, support, method, address):
    run = set_up_run(support)
    answer = client.generic(method.upper(), f"{URL}/{run.id}{address}")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_method_that_the_list_does_not_offer(client, method):
    problem(client.generic(method.upper(), URL), 405, "method_not_allowed")


def test_head_is_get_without_the_body(client, support):
    run = set_up_run(support)
    answer = client.head(f"{URL}/{run.id}")
    assert (answer.status_code, answer.content) == (200, b"")
