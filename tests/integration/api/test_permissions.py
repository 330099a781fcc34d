"""Who may do what with runs and threads, by role and by the scopes of a key."""

import pytest

from apps.accounts.permissions import Permission, Role
from apps.runs.models import Run, Thread
from apps.runs.services import create_thread
from apps.runs.states import RunStatus
from tests.integration.api.problems import problem
from tests.integration.runs.world import finish, make_agent, set_up_run

READS = ("", "/{run}", "/{run}/steps", "/{run}/events", "/{run}/export")


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    finish(run, RunStatus.FAILED)
    return run


def writes(client, run: Run) -> list[int]:
    """The status of each write: submit, resume, cancel, erase, open a thread."""
    address = f"/api/v1/runs/{run.id}"
    return [
        client.post("/api/v1/runs", {"agent": "docs", "input": "x"}).status_code,
        client.post(f"{address}/resume").status_code,
        client.post(f"{address}/cancel").status_code,
        client.delete(address).status_code,
        client.post("/api/v1/threads", {}).status_code,
    ]


@pytest.mark.parametrize("role", list(Role))
def test_it_works(bob, run, role):
    client = bob(role)
    for address in READS:
        assert client.get(f"/api/v1/runs{address}".format(run=run.id)).status_code == 200
    assert client.get("/api/v1/threads").status_code == 200
    may_write = role != Role.VIEWER
    assert writes(client, run) == ([202, 202, 202, 204, 201] if may_write else [403] * 5)
    assert (Run.objects.count(), Thread.objects.count()) == (1, 1 if may_write else 0)


def test_a_viewers_write_changes_nothing(bob, run):
    before = Run.objects.values().get()
    assert set(writes(bob(Role.VIEWER), run)) == {403}
    assert Run.objects.values().get() == before


def test_a_refusal_says_what_is_needed(bob, run):
    body = problem(bob(Role.VIEWER).post(f"/api/v1/runs/{run.id}/cancel"), 403, "permission_denied")
    assert body["needed"] == "runs:write"


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Permission.RUNS_READ, {"read runs"}),
        (Permission.RUNS_WRITE, {"write runs"}),
        (Permission.THREADS_READ, {"read threads"}),
        (Permission.THREADS_WRITE, {"write threads"}),
        (Permission.AGENTS_READ, set()),
    ],
)
def test_a_key_may_do_what_its_scopes_say(bob, support, scope, allowed):
    make_agent(support)
    create_thread(support.id)
    client = bob(Role.OWNER, scope)
    answers = {
        "read runs": client.get("/api/v1/runs"),
        "write runs": client.post("/api/v1/runs", {"agent": "docs", "input": "x"}),
        "read threads": client.get("/api/v1/threads"),
        "write threads": client.post("/api/v1/threads", {}),
    }
    assert {what for what, answer in answers.items() if answer.status_code < 300} == allowed
    assert {answer.status_code for what, answer in answers.items() if what not in allowed} <= {403}


def test_the_answer_to_a_writer_who_may_not_read(bob, support):
    """What a key that may only submit gets back, it has said itself."""
    make_agent(support)
    client = bob(Role.OWNER, Permission.RUNS_WRITE)
    run_id = client.post("/api/v1/runs", {"agent": "docs", "input": "x"}).json()["id"]
    problem(client.get(f"/api/v1/runs/{run_id}"), 403, "permission_denied")
