"""What a new run of a thread does about those before it, decided under the thread's lock."""

import pytest
from django.db import transaction

from apps.core import canonical
from apps.runs.exceptions import EffectCommitted, ThreadBusy
from apps.runs.models import Event, Run, Wait
from apps.runs.services import cancel_run, create_thread, resume_run
from apps.runs.states import RunStatus, StopReason, Strategy, WaitKind, WaitState
from apps.runs.waiting import returned
from tests.integration.runs.world import bells, claim, counts, finish, history, make_agent, record, together
from tests.integration.threads.talking import kept, say, standing

pytestmark = pytest.mark.django_db(transaction=True)

IDLE = ("queued", "", False)
HELD = ("queued", "", True)
RUNNING = ("running", "", False)
DONE = ("succeeded", "completed", False)


@pytest.fixture
def thread(support):
    make_agent(support)
    bells()
    return create_thread(support.id)


@pytest.mark.parametrize("strategy", list(Strategy))
def test_it_works(thread, strategy):
    """In a thread where nothing happens all strategies are the same."""
    run = say(thread, "one", strategy)
    assert standing(thread) == [IDLE]
    assert bells() == [str(run.id)]
    finish(run)
    say(thread, "two", strategy)
    assert standing(thread) == [DONE, IDLE]


def test_reject_is_refused_also_when_the_other_is_held(thread):
    first = say(thread, "one")
    say(thread, "two", Strategy.ENQUEUE)
    Run.objects.filter(id=first.id).update(status=RunStatus.SUCCEEDED)  # and nobody freed the second yet
    with pytest.raises(ThreadBusy):
        say(thread, "three")
    assert standing(thread) == [("succeeded", "", False), HELD]


def test_enqueued_runs_go_one_after_the_other(thread):
    runs = [say(thread, str(n), Strategy.ENQUEUE) for n in range(4)]
    assert standing(thread) == [IDLE, HELD, HELD, HELD]
    assert bells() == [str(runs[0].id)]
    for run in runs:
        assert claim()["id"] == run.id
        assert claim() is None
        finish(run)
    assert standing(thread) == [DONE] * 4
    assert bells() == [str(run.id) for run in runs[1:]]


def test_ids_order_a_thread_whatever_the_clocks_of_hosts_say(thread):
    """The first run's id comes from a host whose clock is ahead."""
    first = say(thread, "one")
    ahead = first.id.int + (10**6 << 80)
    Event.objects.filter(run_id=first.id).delete()
    Run.objects.filter(id=first.id).update(id=type(first.id)(int=ahead))
    second, third = say(thread, "two", Strategy.ENQUEUE), say(thread, "three", Strategy.ENQUEUE)
    assert [second.id.int, third.id.int] == [ahead + 1, ahead + 2]
    assert second.id.version == 7


def test_a_held_run_that_is_cancelled_frees_nobody(thread):
    first = say(thread, "one")
    claim()
    second, third = say(thread, "two", Strategy.ENQUEUE), say(thread, "three", Strategy.ENQUEUE)
    cancel_run(thread.workspace_id, second.id)
    assert standing(thread) == [RUNNING, ("cancelled", "cancelled_by", False), HELD]
    finish(first)
    assert standing(thread)[2] == IDLE
    assert claim()["id"] == third.id


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.FAILED])
def test_whatever_the_end_the_next_has_its_turn(thread, status):
    first = say(thread, "one")
    second = say(thread, "two", Strategy.ENQUEUE)
    finish(first, status)
    assert claim()["id"] == second.id


def test_a_failed_run_cannot_push_in_before_those_that_wait(thread):
    first = say(thread, "one")
    say(thread, "two", Strategy.ENQUEUE)
    finish(first, RunStatus.FAILED)
    with pytest.raises(ThreadBusy):
        resume_run(thread.workspace_id, first.id)
    assert [status for status, _, _ in standing(thread)] == ["failed", "queued"]


def test_interrupt_of_a_queued_run_keeps_its_question(thread):
    first = say(thread, "one")
    second = say(thread, "two", Strategy.INTERRUPT)
    assert standing(thread) == [("cancelled", "interrupted", False), IDLE]
    assert kept(first) == [("user-prompt", "one")]
    assert claim()["id"] == second.id


def test_interrupt_of_a_running_run_waits_until_it_has_stopped(thread):
    first = say(thread, "one")
    claim()
    second = say(thread, "two", Strategy.INTERRUPT)
    first.refresh_from_db()
    assert (first.status, first.cancel_reason) == ("running", "interrupted")
    assert record(first.id, 1)["cancel_requested"] is True
    assert standing(thread) == [RUNNING, HELD]
    finish(first, RunStatus.CANCELLED)
    assert standing(thread) == [("cancelled", "interrupted", False), IDLE]
    assert claim()["id"] == second.id


def test_interrupt_takes_those_that_wait_out_of_the_way_too(thread):
    first = say(thread, "one")
    claim()
    say(thread, "two", Strategy.ENQUEUE)
    say(thread, "three", Strategy.ENQUEUE)
    last = say(thread, "four", Strategy.INTERRUPT)
    gone = ("cancelled", "interrupted", False)
    assert standing(thread) == [RUNNING, gone, gone, HELD]
    finish(first, RunStatus.CANCELLED)
    assert standing(thread) == [gone, gone, gone, IDLE]
    assert claim()["id"] == last.id


def test_interrupt_of_a_waiting_run(thread):
    first = say(thread, "one")
    claim()
    answer = {"kind": "response", "parts": [{"part_kind": "tool-call", "tool_name": "ask", "tool_call_id": "c"}]}
    record(first.id, 1, result=canonical.dump(answer))
    Run.objects.filter(id=first.id).update(status=RunStatus.WAITING)
    wait = Wait.objects.create(
        workspace_id=thread.workspace_id, run=first, kind=WaitKind.QUESTION, run_step=1, tool_call_id="c", tool="ask",
        arguments=b"{}", digest=bytes(32),
    )  # fmt: skip
    say(thread, "two", Strategy.INTERRUPT)
    assert standing(thread) == [("cancelled", "interrupted", False), IDLE]
    assert [kind for kind, _ in kept(first)] == ["user-prompt", "tool-call", "tool-return"]
    wait.refresh_from_db()
    assert wait.state == "cancelled"


def test_a_wait_that_was_answered_is_kept_with_its_answer(thread):
    first = say(thread, "one")
    claim()
    answer = {"kind": "response", "parts": [{"part_kind": "tool-call", "tool_name": "ask", "tool_call_id": "c"}]}
    record(first.id, 1, result=canonical.dump(answer))
    Run.objects.filter(id=first.id).update(status=RunStatus.QUEUED, worker_id=None)
    Wait.objects.create(
        workspace_id=thread.workspace_id, run=first, kind=WaitKind.QUESTION, run_step=1, tool_call_id="c", tool="ask",
        arguments=b"{}", digest=bytes(32), state=WaitState.RESOLVED, result=returned("blue").stored(),
    )  # fmt: skip
    say(thread, "two", Strategy.INTERRUPT)
    assert kept(first) == [("user-prompt", "one"), ("tool-call", "ask"), ("tool-return", "blue")]


def test_the_history_says_what_for(thread):
    first = say(thread, "one")
    claim()
    say(thread, "two", Strategy.INTERRUPT)
    assert history(first.id)[-1] == "run.cancel_requested"
    event = Event.objects.filter(run_id=first.id).order_by("-seq").first()
    assert canonical.load(event.data) == {"by": None, "id": None, "reason": "interrupted"}


def test_a_run_that_ends_before_it_sees_the_interrupt_has_simply_ended(thread):
    first = say(thread, "one")
    claim()
    say(thread, "two", Strategy.INTERRUPT)
    finish(first)
    assert standing(thread) == [DONE, IDLE]


def test_rollback_keeps_nothing(thread):
    first = say(thread, "one")
    say(thread, "two", Strategy.ROLLBACK)
    assert standing(thread) == [("cancelled", "rolled_back", False), IDLE]
    assert kept(first) == []


def test_rollback_overrules_an_interrupt(thread):
    first = say(thread, "one")
    claim()
    say(thread, "two", Strategy.INTERRUPT)
    say(thread, "three", Strategy.ROLLBACK)
    finish(first, RunStatus.CANCELLED)
    gone = ("cancelled", "rolled_back", False)
    assert standing(thread) == [gone, gone, IDLE]


def test_an_interrupt_leaves_a_cancel_what_it_is(thread):
    first = say(thread, "one")
    claim()
    cancel_run(thread.workspace_id, first.id)
    say(thread, "two", Strategy.INTERRUPT)
    finish(first, RunStatus.CANCELLED, reason=StopReason.CANCELLED_BY)
    assert standing(thread) == [("cancelled", "cancelled_by", False), IDLE]


def test_a_refusal_writes_nothing(thread):
    say(thread, "one")
    claim()
    before = counts()
    with pytest.raises(ThreadBusy):
        say(thread, "two", Strategy.REJECT)
    assert counts() == before


def test_a_rolled_back_creation_leaves_the_other_alone(thread):
    first = say(thread, "one")
    claim()
    with transaction.atomic():
        say(thread, "two", Strategy.INTERRUPT)
        transaction.set_rollback(True)
    first.refresh_from_db()
    assert (first.cancel_requested_at, first.cancel_reason, standing(thread)) == (None, "", [RUNNING])


@pytest.mark.parametrize("strategy", [Strategy.ENQUEUE, Strategy.INTERRUPT, Strategy.ROLLBACK])
def test_many_at_once_never_run_side_by_side(thread, strategy):
    for _ in range(5):
        outcomes = together(*[lambda n=n: say(thread, str(n), strategy) for n in range(6)])
        assert all(isinstance(outcome, Run) for outcome in outcomes), outcomes
        active = Run.objects.filter(thread=thread, status=RunStatus.QUEUED)
        expected = [(False,)] + ([(True,)] * 5 if strategy == Strategy.ENQUEUE else [])
        assert list(active.order_by("id").values_list("held")) == expected
        for run in active.order_by("id"):
            finish(run)


def test_an_enqueue_while_the_one_before_it_ends_is_never_left_behind(thread):
    for _ in range(25):
        first = say(thread, "one")
        claim()
        _, second = together(lambda first=first: finish(first), lambda: say(thread, "two", Strategy.ENQUEUE))
        assert isinstance(second, Run), second
        second.refresh_from_db()
        assert second.held is False
        finish(second)


def test_an_interrupt_while_the_one_before_it_ends_is_never_left_behind(thread):
    for _ in range(25):
        first = say(thread, "one")
        claim()
        ended, second = together(lambda first=first: finish(first), lambda: say(thread, "two", Strategy.INTERRUPT))
        assert (isinstance(ended, int), isinstance(second, Run)) == (True, True), (ended, second)
        second.refresh_from_db()
        assert second.held is False
        finish(second)


def test_an_interrupt_while_a_held_run_is_being_freed(thread):
    """Both lock the run that ends first; the other order would be a deadlock."""
    for _ in range(25):
        first = say(thread, "one")
        claim()
        say(thread, "two", Strategy.ENQUEUE)
        outcomes = together(lambda first=first: finish(first), lambda: say(thread, "three", Strategy.INTERRUPT))
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
        (last,) = Run.objects.filter(thread=thread, status__in=["queued", "running", "waiting"])
        assert last.held is False
        finish(last)


def test_a_claim_and_an_interrupt_at_once(thread):
    for _ in range(25):
        first = say(thread, "one")
        _, second = together(claim, lambda: say(thread, "two", Strategy.INTERRUPT))
        first.refresh_from_db()
        second.refresh_from_db()
        if first.status == "running":
            assert (first.cancel_reason, second.held) == ("interrupted", True)
            finish(first, RunStatus.CANCELLED)
        else:
            assert (first.status, first.stop_reason, second.held) == ("cancelled", "interrupted", False)
        finish(second)


def test_effect_committed_is_a_conflict():
    assert EffectCommitted.code == "effect_committed"
