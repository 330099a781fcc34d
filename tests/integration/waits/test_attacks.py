"""Words that come at a bad moment, from the wrong place, or are no JSON: one wins, the others are told so."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from apps.runs.exceptions import EventNotFound, InvalidDecision, WaitNotFound, WaitNotOpen
from apps.runs.models import Decision, Run, Wait
from apps.runs.services import cancel_run, erase_run
from apps.runs.services.waits_children import tell_parent
from apps.runs.services.waits_due import settle_due
from apps.runs.services.waits_events import resolve_event
from apps.runs.waiting import LARGEST_RESULT, event_token, token_digest
from tests.integration.runs.world import history, set_up_run, together
from tests.integration.waits.test_counting import ask
from tests.integration.waits.world import say
from tests.waiting import eventually


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def event(support, alice, **fields: Any) -> Wait:
    wait = ask(support, alice, kind="event", needed=1, **fields)
    Wait.objects.filter(id=wait.id).update(token_digest=token_digest(event_token(wait.id)))
    return wait


class TestErasedMeanwhile:
    """Somebody holds the run's row, and deletes it, while the word is on its way."""

    def said(self, elsewhere: ThreadPoolExecutor, wait: Wait, action: Any) -> Future[Any]:
        with transaction.atomic():
            Run.objects.select_for_update().get(id=wait.run_id)
            said = elsewhere.submit(action)
            eventually(blocked)
            Run.objects.filter(id=wait.run_id).delete()
        return said

    def test_a_decision(self, support, alice, bob, elsewhere):
        wait = ask(support, alice)
        with pytest.raises(WaitNotFound):
            self.said(elsewhere, wait, lambda: say(bob, wait, "reject")).result(10)

    def test_an_event(self, support, alice, elsewhere):
        wait = event(support, alice)
        with pytest.raises(EventNotFound):
            self.said(elsewhere, wait, lambda: resolve_event(event_token(wait.id), 1)).result(10)

    def test_the_end_of_a_child(self, support, alice, elsewhere):
        child = set_up_run(support)
        wait = ask(support, alice, kind="child", child=child)
        assert self.said(elsewhere, wait, lambda: tell_parent(child.id)).result(10) is None

    def test_its_time(self, support, alice, elsewhere):
        wait = ask(support, alice, kind="timer")
        assert self.said(elsewhere, wait, lambda: settle_due([wait.id])).result(10) is None


def blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


class TestAtTheSameMoment:
    def test_two_who_together_are_enough(self, support, alice, bob, carol):
        wait = ask(support, alice)
        together(lambda: say(bob, wait, "approve"), lambda: say(carol, wait, "approve"))
        assert (Wait.objects.get().state, Decision.objects.count()) == ("resolved", 2)
        assert history(wait.run_id).count("run.resumed") == 1

    def test_a_decision_and_a_cancel(self, support, alice, bob):
        wait = ask(support, alice, needed=1)
        said, _ = together(lambda: say(bob, wait, "approve"), lambda: cancel_run(support.id, wait.run_id))
        assert Run.objects.get().status == "cancelled"
        if isinstance(said, WaitNotOpen):
            assert (Wait.objects.get().state, Decision.objects.count()) == ("cancelled", 0)
        else:
            assert (said.state, Wait.objects.get().state) == ("resolved", "resolved")

    def test_a_decision_and_a_cancel_that_erases(self, support, alice, bob):
        wait = ask(support, alice, needed=1)

        def erase() -> None:
            cancel_run(support.id, wait.run_id)
            erase_run(support.id, wait.run_id)

        said, erased = together(lambda: say(bob, wait, "approve"), erase)
        assert (erased, Run.objects.count()) == (None, 0)
        # `say` itself reads the wait before it speaks.
        assert isinstance(said, Wait | WaitNotFound | WaitNotOpen | Wait.DoesNotExist)

    def test_a_decision_and_its_time(self, support, alice, bob):
        wait = ask(support, alice, needed=1)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE runs_wait SET due_at = now() - interval '1 second'")
        said, _ = together(lambda: say(bob, wait, "approve"), lambda: settle_due([wait.id]))
        assert isinstance(said, WaitNotOpen)
        assert (Wait.objects.get().state, Decision.objects.count()) == ("expired", 0)
        assert history(wait.run_id).count("run.resumed") == 1


DEEP: list[Any] = []
for _ in range(2_000):
    DEEP = [DEEP]


class TestWhatIsNoAnswer:
    @pytest.mark.parametrize("answer", [math.nan, math.inf, {"a": [math.nan]}, DEEP, {1: 2}, (1,), b"x"], ids="abcdefg")
    def test_it_works(self, answer, support, alice, bob):
        wait = ask(support, alice, kind="question", needed=1)
        with pytest.raises(InvalidDecision):
            say(bob, wait, "answer", answer=answer)
        assert (Wait.objects.get().state, Decision.objects.count()) == ("open", 0)

    @pytest.mark.parametrize("payload", [math.nan, DEEP, "x" * (50 * LARGEST_RESULT)], ids=["nan", "deep", "large"])
    def test_nor_an_event(self, payload, support, alice):
        wait = event(support, alice)
        with pytest.raises(InvalidDecision):
            resolve_event(event_token(wait.id), payload)
        assert Wait.objects.get().state == "open"

    def test_arguments(self, support, alice, bob):
        wait = ask(support, alice)
        with pytest.raises(InvalidDecision):
            say(bob, wait, "approve", arguments={"amount": math.nan})
        assert Decision.objects.count() == 0

    @pytest.mark.parametrize("answer", ["a\0b", "\ud800", 2**70], ids=["nul", "surrogate", "large"])
    def test_odd_values_are_kept_as_they_are(self, answer, support, alice):
        wait = event(support, alice)
        resolve_event(event_token(wait.id), answer)
        assert resolve_event(event_token(wait.id), answer).state == "resolved"
        with pytest.raises(WaitNotOpen):
            resolve_event(event_token(wait.id), [answer])


def test_a_wait_of_another_workspace(support, alice, charlie):
    wait = ask(support, alice)
    with pytest.raises(WaitNotFound):
        say(charlie, wait, "reject")
    assert (Wait.objects.get().state, Decision.objects.count()) == ("open", 0)


def test_a_token_of_a_cancelled_run(support, alice):
    wait = event(support, alice)
    cancel_run(support.id, wait.run_id)
    for _ in range(2):
        with pytest.raises(WaitNotOpen):
            resolve_event(event_token(wait.id), 1)
    assert Wait.objects.get().result is None
