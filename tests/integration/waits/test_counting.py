"""Whose approvals count: people's, once each, while they may decide; service accounts' where the policy says so."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission, Role
from apps.accounts.principals import Principal
from apps.accounts.services import create_service_account
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.approvals import approvals_of
from apps.runs.exceptions import AlreadyDecided, NotYoursToDecide
from apps.runs.models import Decision, Wait
from apps.runs.services.waits_due import settle_due
from apps.runs.waiting import call_digest
from apps.runs.waits import WaitFilter, get_wait, waits_for
from tests.integration.runs.world import set_up_run
from tests.integration.waits.world import member, say

AMOUNT = {"amount": 700}


def ask(support, who: Principal, **fields: Any) -> Wait:
    """A wait for consent to a call of a run that `who` asked for; two must agree."""
    run = set_up_run(support)
    type(run).objects.filter(id=run.id).update(status="waiting", created_by_kind=who.kind, created_by_id=who.id)
    row = {"kind": "approval", "run_step": 1, "tool_call_id": "c", "tool": "pay", "needed": 2, "role": "operator"}
    row |= {"arguments": canonical.dump(AMOUNT), "digest": call_digest("pay", AMOUNT)}
    return Wait.objects.create(workspace=support, run=run, **row | fields)


def state_of(wait: Wait) -> tuple[str, int]:
    """Its state and how many approvals everybody sees."""
    wait = get_wait(wait.workspace_id, wait.id)
    assert approvals_of(wait) == wait.approvals
    return wait.state, wait.approvals


@pytest.fixture
def dave(support) -> Principal:
    return member(support, "dave", Role.OPERATOR)


@pytest.fixture
def robot(support) -> Principal:
    return program(support, "Robot")


def program(support, name: str) -> Principal:
    account = create_service_account(support, name=name, role=Role.ADMIN)
    return Principal("service_account", account.id, support.id, Role.ADMIN, frozenset({Permission.WAITS_DECIDE}))


def membership(who: Principal) -> Any:
    return Membership.objects.filter(user_id=who.id, workspace_id=who.workspace_id)


def test_it_works(support, alice, bob, carol):
    wait = ask(support, alice)
    say(bob, wait, "approve")
    assert state_of(wait) == ("open", 1)
    say(carol, wait, "approve")
    assert state_of(wait) == ("resolved", 2)


LEAVING = {
    "left": lambda who: membership(who).delete(),
    "downgraded": lambda who: membership(who).update(role=Role.VIEWER),
    "closed": lambda who: User.objects.filter(id=who.id).update(is_active=False),
    "elsewhere": lambda who: membership(who).update(workspace_id=other_workspace()),
}


def other_workspace() -> UUID:
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere").id


@pytest.mark.parametrize("how", LEAVING)
def test_who_may_not_decide_any_more_does_not_count(how, support, alice, bob, carol, dave):
    wait = ask(support, alice)
    say(bob, wait, "approve")
    LEAVING[how](bob)
    assert state_of(wait) == ("open", 0)
    say(carol, wait, "approve")
    assert state_of(wait) == ("open", 1)
    say(dave, wait, "approve")
    assert state_of(wait) == ("resolved", 2)
    assert Decision.objects.count() == 3


def test_a_role_below_the_waits(support, alice, bob, carol):
    """Also when the wait asks for a higher one by now."""
    wait = ask(support, alice, role="builder")
    membership(bob).update(role=Role.BUILDER)
    say(member_now(bob, Role.BUILDER), wait, "approve")
    membership(bob).update(role=Role.OPERATOR)
    say(carol, wait, "approve")
    assert state_of(wait) == ("open", 1)
    membership(bob).update(role=Role.BUILDER)
    assert state_of(wait) == ("open", 2)


def test_who_approved_before_it_was_escalated(support, alice, bob, carol):
    wait = ask(support, alice, on_due="escalate", escalate_role="admin")
    say(bob, wait, "approve")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_wait SET due_at = now(), created_at = now() - interval '1 hour'")
    settle_due([wait.id])
    assert state_of(wait) == ("open", 0)
    say(carol, wait, "approve")
    assert state_of(wait) == ("open", 1)


def member_now(who: Principal, role: Role) -> Principal:
    return Principal("user", who.id, who.workspace_id, role, who.permissions)


class TestKeys:
    """A key of a person's own is that person."""

    def test_it_does_not_count_twice(self, support, alice, bob):
        wait = ask(support, alice)
        say(bob, wait, "approve")
        with pytest.raises(AlreadyDecided):
            say(with_key(bob), wait, "approve")
        assert state_of(wait) == ("open", 1)

    def test_it_does_not_approve_its_owners_runs(self, support, alice):
        wait = ask(support, alice)
        with pytest.raises(NotYoursToDecide) as refused:
            say(with_key(alice), wait, "approve")
        assert (refused.value.code, Decision.objects.count()) == ("requester_cannot_approve", 0)

    def test_nor_those_that_it_asked_for(self, support, alice):
        wait = ask(support, with_key(alice))
        with pytest.raises(NotYoursToDecide):
            say(alice, wait, "approve")

    def test_it_counts_as_the_person(self, support, alice, bob, carol):
        wait = ask(support, alice)
        say(with_key(bob), wait, "approve")
        say(carol, wait, "approve")
        assert state_of(wait) == ("resolved", 2)


def with_key(who: Principal) -> Principal:
    return Principal(who.kind, who.id, who.workspace_id, who.role, who.permissions, key_id=new_id().hex[-8:])


class TestServiceAccounts:
    def test_they_are_no_people(self, support, alice, robot):
        wait = ask(support, alice)
        with pytest.raises(NotYoursToDecide) as refused:
            say(robot, wait, "approve")
        assert (refused.value.code, Decision.objects.count()) == ("people_only", 0)
        assert list(waits_for(robot, WaitFilter())) == []

    def test_they_may_reject(self, support, alice, robot):
        wait = ask(support, alice)
        assert say(robot, wait, "reject").state == "resolved"

    def test_they_may_answer_questions(self, support, alice, robot):
        wait = ask(support, alice, kind="question", needed=1)
        assert list(waits_for(robot, WaitFilter())) == [wait]
        assert say(robot, wait, "answer", answer=1).state == "resolved"

    def test_the_policy_may_count_them(self, support, alice, robot, bob):
        wait = ask(support, alice, services=True)
        assert list(waits_for(robot, WaitFilter())) == [wait]
        say(robot, wait, "approve")
        assert state_of(wait) == ("open", 1)
        say(bob, wait, "approve")
        assert state_of(wait) == ("resolved", 2)

    def test_one_that_lost_its_role_does_not_count(self, support, alice, robot, bob):
        wait = ask(support, alice, services=True)
        say(robot, wait, "approve")
        Membership.objects.filter(service_account_id=robot.id).update(role=Role.VIEWER)
        say(bob, wait, "approve")
        assert state_of(wait) == ("open", 1)

    def test_one_that_asked_for_the_run(self, support, robot):
        wait = ask(support, robot, services=True, needed=1)
        with pytest.raises(NotYoursToDecide) as refused:
            say(robot, wait, "approve")
        assert refused.value.code == "requester_cannot_approve"
