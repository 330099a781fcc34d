"""Runs of a conversation: one at a time, whoever is quicker."""

import pytest
from django.db import connection, transaction

from apps.core.ids import new_id
from apps.runs.exceptions import ThreadBusy, ThreadNotFound
from apps.runs.models import Run
from apps.runs.services import RunRequest, cancel_run, create_run, create_thread
from apps.runs.states import RunStatus
from tests.integration.runs.world import counts, finish, make_agent, together

pytestmark = pytest.mark.django_db(transaction=True)


def request(thread_id: object) -> RunRequest:
    return RunRequest(agent="docs", input="x", thread_id=thread_id)  # type: ignore[arg-type]


def test_it_works(support):
    make_agent(support)
    thread = create_thread(support.id, title="Refund", metadata={"case": 42})
    assert (thread.title, thread.metadata, thread.workspace_id) == ("Refund", {"case": 42}, support.id)
    run = create_run(support.id, request(thread.id))
    assert Run.objects.get(thread=thread).id == run.id


def test_another_workspaces_thread_is_not_there(support, sales):
    make_agent(support)
    theirs = create_thread(sales.id)
    for thread_id in (theirs.id, new_id()):
        with pytest.raises(ThreadNotFound) as refused:
            create_run(support.id, request(thread_id))
        assert refused.value.code == "thread_not_found"
    assert counts() == {"Run": 0, "Event": 0}


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING])
def test_a_busy_thread_refuses(support, status):
    make_agent(support)
    thread = create_thread(support.id)
    run = create_run(support.id, request(thread.id))
    Run.objects.filter(id=run.id).update(status=status)
    with pytest.raises(ThreadBusy) as refused:
        create_run(support.id, request(thread.id))
    assert (refused.value.code, refused.value.details) == ("thread_busy", {"thread_id": str(thread.id)})
    assert counts() == {"Run": 1, "Event": 1}


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.FAILED])
def test_a_thread_goes_on_when_its_run_has_ended(support, status):
    make_agent(support)
    thread = create_thread(support.id)
    finish(create_run(support.id, request(thread.id)), status)
    assert create_run(support.id, request(thread.id)).thread_id == thread.id


def test_a_cancelled_run_frees_its_thread(support):
    make_agent(support)
    thread = create_thread(support.id)
    cancel_run(support.id, create_run(support.id, request(thread.id)).id)
    assert create_run(support.id, request(thread.id)).status == RunStatus.QUEUED


def test_of_two_at_once_one_is_first(support):
    make_agent(support)
    for _ in range(20):
        thread = create_thread(support.id)
        outcomes = together(*[lambda thread=thread: create_run(support.id, request(thread.id))] * 2)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Run", "ThreadBusy"]
        assert Run.objects.filter(thread=thread).count() == 1


def test_the_second_waits_for_the_first_ones_commit(support):
    """The unique index decides: a run that is then rolled back was never in the way."""
    make_agent(support)
    thread = create_thread(support.id)
    with transaction.atomic():
        create_run(support.id, request(thread.id))
        transaction.set_rollback(True)
    run = create_run(support.id, request(thread.id))
    assert (Run.objects.get().id, connection.in_atomic_block) == (run.id, False)


def test_other_threads_and_runs_without_one_are_not_held_up(support):
    make_agent(support)
    one, two = create_thread(support.id), create_thread(support.id)
    for thread_id in (one.id, two.id, None, None):
        create_run(support.id, request(thread_id))
    assert counts() == {"Run": 4, "Event": 4}
