"""Many runs at once: all of them or none, quickly, and without a message for each."""

import time

import pytest

from apps.accounts.services import pause_intake
from apps.core import canonical
from apps.runs.exceptions import IntakePaused, InvalidBatch, InvalidRunInput
from apps.runs.limits import Limits
from apps.runs.models import Batch, Event, Run
from apps.runs.services import Attachment, Origin, RunRequest, create_run, create_thread
from apps.runs.services.batch import create_batch
from apps.runs.states import Strategy
from tests.integration.runs.world import bells, claim, finish, history, make_agent, make_worker, together

pytestmark = pytest.mark.django_db(transaction=True)


def ask(*inputs: object, **more: object) -> list[RunRequest]:
    return [RunRequest(agent="docs", input=value, **more) for value in inputs]  # type: ignore[arg-type]


def nothing() -> bool:
    return (Batch.objects.count(), Run.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_it_works(support, alice):
    version = make_agent(support, limits={"steps": 9})
    origin = Origin(kind="user", id=alice.id, request_id="req-1")
    requests = [*ask("a", {"b": 1}, metadata={"k": 1}), *ask("c", limits=Limits(steps=3))]
    accepted = create_batch(support.id, requests, metadata={"import": 7}, origin=origin)
    batch = Batch.objects.get()
    assert (batch.id, batch.total, batch.metadata, batch.created_by_id) == (
        accepted.batch.id,
        3,
        {"import": 7},
        alice.id,
    )
    runs = [Run.objects.get(id=run_id) for run_id in accepted.run_ids]
    assert [canonical.load(run.input) for run in runs] == ["a", {"b": 1}, "c"]
    assert [run.limits for run in runs] == [{"steps": 9}, {"steps": 9}, {"steps": 3}]
    assert [run.metadata for run in runs] == [{"k": 1}, {"k": 1}, {}]
    assert {(run.agent_version_id, run.batch_id, run.created_by_id, run.request_id) for run in runs} == {
        (version.id, batch.id, alice.id, "req-1")
    }
    assert history(runs[0].id) == ["run.queued"]
    event = Event.objects.get(run_id=runs[0].id)
    assert canonical.load(event.data) == {"agent": "docs", "batch": str(batch.id)}
    assert claim()["id"] == runs[0].id


def test_a_thousand_in_a_few_queries(support, django_assert_max_num_queries):
    make_agent(support)
    create_run(support.id, RunRequest(agent="docs", input="warm up"))
    requests = ask(*(f"input {n}" for n in range(1000)))
    began = time.process_time()
    with django_assert_max_num_queries(12):
        accepted = create_batch(support.id, requests)
    assert time.process_time() - began < 2
    assert len(set(accepted.run_ids)) == 1000
    assert Run.objects.filter(batch=accepted.batch).count() == 1000


def test_bells_for_free_slots_only(support):
    make_agent(support)
    make_worker(slots=3)
    make_worker(seconds=-1, slots=50)
    accepted = create_batch(support.id, ask(*"abcdefgh"))
    assert bells() == [str(run_id) for run_id in accepted.run_ids[:3]]


def test_nobody_is_rung_for_when_there_is_no_room(support):
    make_agent(support)
    create_batch(support.id, ask("a", "b"))
    assert bells() == []


def test_every_fault_of_every_run_and_nothing_is_written(support):
    make_agent(support)
    requests = [
        *ask("fine", None),
        RunRequest(agent="nobody", input="x"),
        RunRequest(agent="docs@7", input="x"),
        *ask("x", metadata={"k": "\x00"}),
        *ask("x", limits=Limits(steps=-1)),
        *ask("x", thread_id=support.id),
    ]
    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, requests)
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [
        ("/runs/1/input", "empty"),
        ("/runs/2/agent", "agent_not_found"),
        ("/runs/3/agent", "agent_version_not_found"),
        ("/runs/4/metadata", "invalid_text"),
        ("/runs/5/limits/steps", "out_of_range"),
        ("/runs/6/thread_id", "thread_not_found"),
    ]
    assert nothing()


def test_what_all_share_is_wrong_once(support):
    def pointing(n: int, pointer: str) -> str:
        return pointer if pointer == "/agent" else f"/inputs/{n}{pointer}"

    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, ask("a", "b", "c"), pointing=pointing)
    assert [fault.pointer for fault in refused.value.errors] == ["/agent"]


@pytest.mark.parametrize("count", [0, 1001])
def test_too_few_and_too_many(support, count):
    make_agent(support)
    with pytest.raises(InvalidBatch):
        create_batch(support.id, ask(*range(count)))
    assert nothing()


def test_metadata_of_the_batch(support):
    make_agent(support)
    with pytest.raises(InvalidRunInput):
        create_batch(support.id, ask("a"), metadata={"k": "\ud800"})
    assert nothing()


def test_while_intake_is_paused(support):
    make_agent(support)
    pause_intake(support)
    with pytest.raises(IntakePaused):
        create_batch(support.id, ask("a"))
    assert nothing()


def test_another_workspaces_agent_and_thread(support, sales):
    make_agent(sales)
    thread = create_thread(sales.id)
    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, ask("a"))
    assert refused.value.errors[0].code == "agent_not_found"
    make_agent(support)
    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, ask("a", thread_id=thread.id))
    assert refused.value.errors[0].code == "thread_not_found"


def test_attachments_are_stored_once(support):
    make_agent(support)
    file = Attachment(name="a.txt", media_type="text/plain", data=b"abc")
    accepted = create_batch(support.id, ask("a", "b", attachments=(file,)))
    runs = Run.objects.filter(batch=accepted.batch)
    assert {run.attachments[0]["digest"] for run in runs} == {runs[0].attachments[0]["digest"]}


def test_in_threads_they_wait_their_turn(support):
    make_agent(support)
    one, two = create_thread(support.id), create_thread(support.id)
    busy = create_run(support.id, RunRequest(agent="docs", input="x", thread_id=two.id))
    requests = [
        *ask("1", "2", thread_id=one.id, strategy=Strategy.ENQUEUE),
        *ask("3", thread_id=two.id, strategy=Strategy.ENQUEUE),
        *ask("4"),
    ]
    accepted = create_batch(support.id, requests)
    held = dict(Run.objects.filter(batch=accepted.batch).values_list("id", "held"))
    assert [held[run_id] for run_id in accepted.run_ids] == [False, True, True, False]
    finish(busy)
    assert Run.objects.get(id=accepted.run_ids[2]).held is False


def test_two_of_a_thread_where_one_would_be_rejected(support):
    make_agent(support)
    thread = create_thread(support.id)
    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, ask("1", "2", thread_id=thread.id))
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [("/runs/1/thread_id", "thread_busy")]
    assert nothing()


@pytest.mark.parametrize("strategy", [Strategy.INTERRUPT, Strategy.ROLLBACK])
def test_a_batch_stops_nobody(support, strategy):
    make_agent(support)
    thread = create_thread(support.id)
    with pytest.raises(InvalidBatch) as refused:
        create_batch(support.id, ask("1", thread_id=thread.id, strategy=strategy))
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [
        ("/runs/0/multitask_strategy", "not_in_batch")
    ]


def test_two_batches_over_the_same_threads_do_not_wait_in_a_circle(support):
    make_agent(support)
    for _ in range(10):
        threads = [create_thread(support.id) for _ in range(4)]
        forth = [request for thread in threads for request in ask("x", thread_id=thread.id, strategy=Strategy.ENQUEUE)]
        outcomes = together(
            lambda forth=forth: create_batch(support.id, forth),
            lambda forth=forth: create_batch(support.id, forth[::-1]),
        )
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
        for thread in threads:
            assert list(Run.objects.filter(thread=thread).order_by("id").values_list("held", flat=True)) == [
                False,
                True,
            ]
