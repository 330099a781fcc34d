"""Cancelling all runs that match a filter, whatever they are doing."""

import pytest

from apps.core import canonical
from apps.runs.models import Event, Run, Slot, Wait
from apps.runs.selectors import RunFilter
from apps.runs.services import Origin, RunRequest, create_run, create_thread
from apps.runs.services.batch import create_batch
from apps.runs.services.bulk_cancel import Cancelled, cancel_runs
from apps.runs.states import RunStatus, Strategy, WaitKind
from tests.integration.runs.world import bells, claim, finish, history, make_agent, make_worker, together

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = RunFilter(agent="docs")


def submit(support, *inputs, **more) -> list[Run]:
    return [create_run(support.id, RunRequest(agent="docs", input=value, **more)) for value in inputs]


def states() -> list[tuple[str, str, bool]]:
    rows = Run.objects.order_by("id").values_list("status", "stop_reason", "cancel_requested_at")
    return [(status, reason, asked is not None) for status, reason, asked in rows]


def test_it_works(support, alice):
    make_agent(support)
    done, running, waiting, queued = submit(support, "a", "b", "c", "d")
    finish(done)
    Run.objects.filter(id=running.id).update(status=RunStatus.RUNNING)
    Run.objects.filter(id=waiting.id).update(status=RunStatus.WAITING)
    wait = Wait.objects.create(
        workspace=support, run=waiting, kind=WaitKind.QUESTION, run_step=1, tool_call_id="c", tool="ask",
        arguments=b"{}", digest=bytes(32),
    )  # fmt: skip
    told = cancel_runs(support.id, DOCS, origin=Origin(kind="user", id=alice.id))
    assert told == Cancelled(matched=3, cancelled=2, requested=1)
    assert states() == [
        ("succeeded", "completed", False),
        ("running", "", True),
        ("cancelled", "cancelled_by", False),
        ("cancelled", "cancelled_by", False),
    ]
    assert history(queued.id) == ["run.queued", "run.cancelled"]
    assert history(running.id)[-1] == "run.cancel_requested"
    event = Event.objects.get(run_id=queued.id, seq=2)
    assert canonical.load(event.data) == {"by": "user", "id": str(alice.id)}
    wait.refresh_from_db()
    assert wait.state == "cancelled"


def test_a_dry_run_only_counts(support):
    make_agent(support)
    submit(support, "a", "b")
    assert cancel_runs(support.id, DOCS, dry_run=True) == Cancelled(matched=2)
    assert [status for status, _, _ in states()] == ["queued", "queued"]
    assert Event.objects.count() == 2


def test_a_maximum_takes_the_oldest_and_says_how_many_are_left(support):
    make_agent(support)
    submit(support, *"abcde")
    told = cancel_runs(support.id, DOCS, maximum=2)
    assert (told, told.remaining) == (Cancelled(matched=5, cancelled=2), 3)
    assert [status for status, _, _ in states()] == ["cancelled"] * 2 + ["queued"] * 3


@pytest.mark.parametrize(
    ("wanted", "hit"),
    [
        (RunFilter(statuses=("queued",)), "acd"),
        (RunFilter(statuses=("running",)), "b"),
        (RunFilter(statuses=("succeeded", "queued")), "acd"),
        (RunFilter(statuses=("succeeded",)), ""),
        (RunFilter(metadata={"k": 1}), "c"),
        (RunFilter(agent="other"), "d"),
        (RunFilter(agent="nobody"), ""),
        (RunFilter(), "abcd"),
    ],
)
def test_only_what_matches(support, wanted, hit):
    make_agent(support)
    make_agent(support, slug="other")
    submit(support, "a", "b")
    submit(support, "c", metadata={"k": 1})
    create_run(support.id, RunRequest(agent="other", input="d"))
    names = {canonical.load(run.input): run.id for run in Run.objects.all()}
    Run.objects.filter(id=names["b"]).update(status=RunStatus.RUNNING)
    cancel_runs(support.id, wanted)
    touched = Run.objects.exclude(stop_reason="", cancel_requested_at=None)
    assert {name for name, run_id in names.items() if touched.filter(id=run_id).exists()} == set(hit)


def test_another_workspaces_runs_go_on(support, sales):
    make_agent(support)
    make_agent(sales)
    theirs = create_run(sales.id, RunRequest(agent="docs", input="x"))
    submit(support, "a")
    assert cancel_runs(support.id, RunFilter()) == Cancelled(matched=1, cancelled=1)
    assert Run.objects.get(id=theirs.id).status == RunStatus.QUEUED


def test_children_are_cancelled_with_their_parents(support):
    make_agent(support)
    parent, child, grandchild, other = submit(support, "p", "c", "g", "o")
    Run.objects.filter(id=child.id).update(parent=parent, status=RunStatus.RUNNING)
    Run.objects.filter(id=grandchild.id).update(parent=child)
    Run.objects.filter(id=parent.id).update(metadata={"k": 1})
    told = cancel_runs(support.id, RunFilter(metadata={"k": 1}))
    assert told == Cancelled(matched=1, cancelled=1)
    assert [(status, asked) for status, _, asked in states()] == [
        ("cancelled", False),
        ("running", True),
        ("cancelled", False),
        ("queued", False),
    ]
    assert other.id


def test_the_rest_of_a_thread_has_its_turn(support):
    make_agent(support)
    thread = create_thread(support.id)
    first, second, third = submit(support, *"123", thread_id=thread.id, strategy=Strategy.ENQUEUE)
    bells()
    make_worker()
    Run.objects.filter(id__in=[first.id, second.id]).update(metadata={"k": 1})
    cancel_runs(support.id, RunFilter(metadata={"k": 1}))
    assert bells() == [str(third.id)]
    assert claim()["id"] == third.id


def test_in_whichever_order_their_rows_lie_the_next_waits_until_all_of_them_have_left(support):
    make_agent(support)
    thread = create_thread(support.id)
    runs = submit(support, *"123456", thread_id=thread.id, strategy=Strategy.ENQUEUE)
    *others, active, last = sorted(runs, key=lambda run: run.id)
    Run.objects.update(held=True)
    Run.objects.filter(id=active.id).update(held=False)
    Run.objects.exclude(id=last.id).update(metadata={"k": 1})
    assert cancel_runs(support.id, RunFilter(metadata={"k": 1})) == Cancelled(matched=5, cancelled=5)
    assert list(Run.objects.filter(held=False, status="queued")) == [last]
    assert {run.id for run in Run.objects.filter(status="cancelled")} == {run.id for run in [*others, active]}


def test_a_whole_thread(support):
    make_agent(support)
    thread = create_thread(support.id)
    submit(support, *"123", thread_id=thread.id, strategy=Strategy.ENQUEUE)
    claim()
    assert cancel_runs(support.id, RunFilter(thread_id=thread.id)) == Cancelled(matched=3, cancelled=2, requested=1)
    assert [(status, asked) for status, _, asked in states()] == [
        ("running", True),
        ("cancelled", False),
        ("cancelled", False),
    ]
    assert not Run.objects.filter(held=True).exists()


def test_twice_changes_nothing(support):
    make_agent(support)
    running, _ = submit(support, "a", "b")
    claim()
    cancel_runs(support.id, DOCS)
    assert cancel_runs(support.id, DOCS) == Cancelled(matched=1, requested=1)
    assert history(running.id).count("run.cancel_requested") == 1


def test_a_thousand(support, django_assert_max_num_queries):
    make_agent(support)
    accepted = create_batch(support.id, [RunRequest(agent="docs", input=n) for n in range(1000)])
    with django_assert_max_num_queries(24):
        told = cancel_runs(support.id, RunFilter(batch_id=accepted.batch.id))
    assert told == Cancelled(matched=1000, cancelled=1000)
    assert Event.objects.filter(type="run.cancelled").count() == 1000
    assert Slot.objects.filter(run_id__isnull=False).count() == 0


def test_while_workers_claim_and_finish(support):
    make_agent(support)
    for _ in range(10):
        submit(support, *range(6))

        def work() -> None:
            held = claim()
            if held is not None:
                finish(Run.objects.get(id=held["id"]))

        outcomes = together(work, work, lambda: cancel_runs(support.id, DOCS), work)
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
        assert not Run.objects.filter(status="queued").exists()
        for run in Run.objects.filter(status=RunStatus.RUNNING):
            assert run.cancel_requested_at is not None
            finish(run)
