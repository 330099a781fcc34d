"""POST /runs in a thread where another run has not ended."""

import pytest

from apps.runs.models import Effect, Run
from apps.runs.services import create_thread
from apps.runs.states import EffectState
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import claim, make_agent

URL = "/api/v1/runs"


@pytest.fixture
def thread(support) -> str:
    make_agent(support)
    return str(create_thread(support.id).id)


def body(thread: str, **more: object) -> dict[str, object]:
    return {"agent": "docs", "input": "Hello?", "thread_id": thread} | more


def test_it_works(client, thread):
    first = client.post(URL, body(thread)).json()
    second = client.post(URL, body(thread, multitask_strategy="enqueue")).json()
    third = client.post(URL, body(thread, multitask_strategy="interrupt")).json()
    assert [run["held"] for run in (first, second, third)] == [False, True, False]
    listed = client.get(f"{URL}?thread_id={thread}").json()["data"]
    assert [(run["id"], run["status"], run["stop_reason"]) for run in listed] == [
        (third["id"], "queued", None),
        (second["id"], "cancelled", "interrupted"),
        (first["id"], "cancelled", "interrupted"),
    ]


@pytest.mark.parametrize("more", [{}, {"multitask_strategy": "reject"}])
def test_reject_is_what_happens_unless_told(client, thread, more):
    client.post(URL, body(thread))
    refused = problem(client.post(URL, body(thread, **more)), 409, "thread_busy")
    assert refused["thread_id"] == thread
    assert Run.objects.count() == 1


def test_a_rollback_that_is_refused(client, thread):
    first = client.post(URL, body(thread)).json()
    held = claim()
    Effect.objects.create(
        workspace_id=held["workspace_id"], run_id=first["id"], key="1/t/c", tool="pay", epoch=1, digest=b"",
        state=EffectState.OUTCOME_UNKNOWN,
    )  # fmt: skip
    refused = problem(client.post(URL, body(thread, multitask_strategy="rollback")), 409, "effect_committed")
    assert (refused["run_id"], refused["tool"]) == (first["id"], "pay")
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"multitask_strategy": "merge"}, "invalid_choice"),
        ({"multitask_strategy": None}, "null"),
        ({"multitask_strategy": "enqueue", "thread_id": None}, "without_thread"),
    ],
)
def test_what_is_wrong(client, thread, given, code):
    answer = client.post(URL, body(thread) | given)
    assert answer.status_code == 422
    assert pointers(answer.json()) == {"/multitask_strategy": code}
    assert Run.objects.count() == 0


def test_another_workspaces_thread(stranger, sales, thread):
    make_agent(sales)
    problem(stranger.post(URL, body(thread, multitask_strategy="interrupt")), 404, "thread_not_found")
    assert Run.objects.count() == 0


def test_with_an_idempotency_key_an_interrupt_is_one(client, thread):
    client.post(URL, body(thread))
    tries = [
        client.post(URL, body(thread, multitask_strategy="interrupt"), headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert tries[0].json() == tries[1].json()
    assert list(Run.objects.order_by("id").values_list("stop_reason", flat=True)) == ["interrupted", ""]
