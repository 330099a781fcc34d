"""A call that needs somebody's consent waits for it without a worker, and is made once."""

import pytest

from apps.accounts.models import User
from apps.accounts.permissions import Role
from apps.core import canonical
from apps.runs.exceptions import (
    AlreadyDecided,
    DigestMismatch,
    InvalidDecision,
    NotYoursToDecide,
    WaitNotFound,
    WaitNotOpen,
)
from apps.runs.models import Decision, Effect, Run, Wait
from apps.runs.waiting import call_digest
from apps.runs.waits import WaitFilter, waits_for
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, output, steps
from tests.integration.runs.world import history, together
from tests.integration.waits.world import agent_with, call, member, result_of, say, start, turn, waiting
from tests.waiting import eventually

PAY = {"name": "pay", "approval": {"when": "always"}}
SCRIPT = [turn(call("pay", amount=700)), {"text": "{last_tool_result}"}]


@pytest.fixture(autouse=True)
def _tools(tools: None) -> None:
    """The tests' own tools are installed."""


def test_it_works(support, alice, bob, host):
    agent_with(support, SCRIPT, PAY)
    run = start(alice)
    [wait] = waiting(run)
    assert (wait.kind, wait.tool, wait.tool_call_id, wait.role) == ("approval", "pay", "c0", "operator")
    assert (canonical.load(wait.arguments), bytes(wait.digest)) == (
        {"amount": 700},
        call_digest("pay", {"amount": 700}),
    )
    assert (run.worker_id, run.stop_reason, toolbox.calls) == (None, "", {})
    say(bob, wait, "approve", note="Fine.")
    ended(run)
    assert (run.status, output(run), toolbox.calls) == ("succeeded", '{"receipt":700}', {"pay 700": 1})
    assert steps(run) == [("model", "script", 1), ("tool", "pay", 2), ("model", "script", 2)]
    assert Effect.objects.get().state == "committed"
    told = [type_ for type_ in history(run.id) if type_ not in ("step.started", "step.recorded")]
    assert told == [
        "run.queued",
        "run.started",
        "wait.opened",
        "run.waiting",
        "wait.decided",
        "wait.resolved",
        "run.resumed",
        "run.started",
        "run.succeeded",
    ]
    assert (run.attempt, run.model_calls, run.crashes) == (1, 2, 0)
    decision = Decision.objects.get()
    assert (decision.verdict, decision.note, decision.decided_by_id) == ("approve", "Fine.", bob.id)


def test_a_rejected_call_is_not_made_and_the_model_is_told_why(support, alice, bob, host):
    agent_with(support, SCRIPT, PAY)
    run = start(alice)
    [wait] = waiting(run)
    say(bob, wait, "reject", note="Ask finance first.")
    ended(run)
    assert (run.status, output(run)) == ("succeeded", "The call was rejected. Ask finance first.")
    assert (toolbox.calls, Effect.objects.count()) == ({}, 0)
    assert result_of(wait)["ending"] == "denied"


def test_only_what_the_condition_says_waits(support, alice, bob, host):
    script = [turn(call("pay", "small", amount=5), call("pay", "big", amount=500)), {"text": "Paid."}]
    agent_with(support, script, {"name": "pay", "approval": {"when": "amount > 100"}})
    run = start(alice)
    [wait] = waiting(run)
    assert (wait.tool_call_id, toolbox.calls) == ("big", {"pay 5": 1})
    say(bob, wait, "approve")
    assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 5": 1, "pay 500": 1})


def test_the_run_survives_the_end_of_its_host(support, alice, bob, hosts):
    first = hosts.start()
    agent_with(support, SCRIPT, PAY)
    run = start(alice)
    [wait] = waiting(run)
    hosts.stop(first)
    say(bob, wait, "approve")
    run.refresh_from_db()
    assert (run.status, toolbox.calls) == ("queued", {})
    hosts.start()
    assert (ended(run).status, output(run), toolbox.calls) == ("succeeded", '{"receipt":700}', {"pay 700": 1})


def test_deferred_and_ordinary_calls_of_one_turn(support, alice, bob, carol, host):
    """Ordinary calls run at once and once; the deferred ones are answered together."""
    calls = [call("double", "a", x=4), call("pay", "b", amount=1), call("double", "c", x=5), call("pay", "d", amount=2)]
    agent_with(support, [turn(*calls), {"text": "Done."}], {"name": "double"}, PAY)
    run = start(alice)
    first, second = waiting(run, 2)
    assert (first.tool_call_id, second.tool_call_id) == ("b", "d")
    say(bob, first, "approve")
    run.refresh_from_db()
    assert run.status == "waiting"
    say(carol, second, "reject")
    assert ended(run).status == "succeeded"
    assert toolbox.calls == {"double 4": 1, "double 5": 1, "pay 1": 1}
    assert run.model_calls == 2


def test_two_turns_that_wait_under_the_same_call_id(support, alice, bob, host):
    script = [turn(call("pay", amount=1)), turn(call("pay", amount=2)), {"text": "Both."}]
    agent_with(support, script, PAY)
    run = start(alice)
    say(bob, waiting(run)[0], "approve")
    again = eventually_open(run, {"amount": 2})
    say(bob, again, "approve")
    assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 1": 1, "pay 2": 1})


def test_people_are_not_asked_about_a_call_that_cannot_be_made(support, alice, host):
    script = [turn(call("pay", amount="much")), {"text": "{last_tool_result}"}]
    agent_with(support, script, PAY)
    run = ended(start(alice))
    assert run.status == "succeeded"
    assert "is not of type" in output(run)
    assert (Wait.objects.count(), toolbox.calls) == (0, {})


def test_a_tool_whose_policy_is_never(support, alice, host):
    agent_with(support, SCRIPT, {"name": "pay", "approval": {"when": "never"}})
    assert (ended(start(alice)).status, toolbox.calls, Wait.objects.count()) == ("succeeded", {"pay 700": 1}, 0)


def test_streamed(support, alice, bob, host):
    agent_with(support, SCRIPT, PAY, streaming=True)
    run = start(alice)
    say(bob, waiting(run)[0], "approve")
    assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 700": 1})


class TestWhoMayDecide:
    def test_not_who_asked_for_the_run(self, support, alice, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(run := start(alice))
        with pytest.raises(NotYoursToDecide) as refusal:
            say(alice, wait, "approve")
        assert refusal.value.code == "requester_cannot_approve"
        assert (Decision.objects.count(), Run.objects.get(id=run.id).status) == (0, "waiting")
        say(alice, wait, "reject")
        assert ended(run).status == "succeeded"
        assert toolbox.calls == {}

    def test_not_a_lower_role(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, {"name": "pay", "approval": {"role": "admin"}})
        [wait] = waiting(run := start(alice))
        with pytest.raises(NotYoursToDecide):
            say(bob, wait, "reject")
        say(carol, wait, "approve")
        assert ended(run).status == "succeeded"

    def test_only_the_assignee(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, {"name": "pay", "approval": {"assignee": "Bob@example.org"}})
        [wait] = waiting(run := start(alice))
        with pytest.raises(NotYoursToDecide):
            say(carol, wait, "approve")
        say(bob, wait, "approve")
        assert ended(run).status == "succeeded"

    def test_administrators_for_an_assignee_who_has_left(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, {"name": "pay", "approval": {"assignee": "bob@example.org"}})
        support.memberships.filter(user_id=bob.id).delete()
        [wait] = waiting(start(alice))
        assert (wait.assignee_id, wait.role) == (None, "admin")

    @pytest.mark.parametrize("change", ["left", "viewer", "inactive"])
    def test_administrators_once_the_assignee_cannot_any_more(self, change, support, alice, bob, carol, host):
        dave = member(support, "dave", Role.OPERATOR)
        agent_with(support, SCRIPT, {"name": "pay", "approval": {"assignee": "bob@example.org"}})
        [wait] = waiting(run := start(alice))
        assert not waits_for(carol, WaitFilter()).exists()
        if change == "left":
            support.memberships.filter(user_id=bob.id).delete()
        elif change == "viewer":
            support.memberships.filter(user_id=bob.id).update(role="viewer")
        else:
            User.objects.filter(id=bob.id).update(is_active=False)
        with pytest.raises(NotYoursToDecide):
            say(dave, wait, "approve")
        assert (waits_for(dave, WaitFilter()).count(), waits_for(carol, WaitFilter()).count()) == (0, 1)
        say(carol, wait, "approve")
        assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 700": 1})

    def test_not_another_workspace(self, support, alice, charlie, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(start(alice))
        with pytest.raises(WaitNotFound):
            say(charlie, wait, "approve")


class TestSeveralMustApprove:
    POLICY = {"name": "pay", "approval": {"needed": 2}}

    def test_it_works(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, self.POLICY)
        [wait] = waiting(run := start(alice))
        assert say(bob, wait, "approve").state == "open"
        assert (Run.objects.get(id=run.id).status, toolbox.calls) == ("waiting", {})
        assert say(carol, wait, "approve").state == "resolved"
        assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 700": 1})

    def test_nobody_counts_twice(self, support, alice, bob, host):
        agent_with(support, SCRIPT, self.POLICY)
        [wait] = waiting(start(alice))
        say(bob, wait, "approve")
        with pytest.raises(AlreadyDecided):
            say(bob, wait, "approve")
        assert Decision.objects.count() == 1

    def test_one_rejection_is_enough(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, self.POLICY)
        [wait] = waiting(run := start(alice))
        say(bob, wait, "approve")
        say(carol, wait, "reject")
        assert (ended(run).status, toolbox.calls) == ("succeeded", {})

    def test_an_approval_of_other_arguments_does_not_count(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, self.POLICY)
        [wait] = waiting(run := start(alice))
        say(bob, wait, "approve")
        assert say(carol, wait, "approve", arguments={"amount": 70}).state == "open"
        assert say(bob, wait, "approve").state == "resolved"
        assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 70": 1})


class TestExactArguments:
    def test_a_decision_about_others_is_refused(self, support, alice, bob, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(start(alice))
        with pytest.raises(DigestMismatch):
            say(bob, wait, "approve", digest=call_digest("pay", {"amount": 7}))
        assert (Decision.objects.count(), Wait.objects.get().state) == (0, "open")

    def test_edited(self, support, alice, bob, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(run := start(alice))
        say(bob, wait, "approve", arguments={"amount": 70})
        assert (ended(run).status, output(run), toolbox.calls) == ("succeeded", '{"receipt":70}', {"pay 70": 1})
        assert canonical.load(Wait.objects.get().arguments) == {"amount": 700}

    def test_edited_against_the_schema(self, support, alice, bob, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(start(alice))
        with pytest.raises(InvalidDecision) as refusal:
            say(bob, wait, "approve", arguments={"amount": "much"})
        assert [fault.pointer for fault in refusal.value.errors] == ["/arguments/amount"]
        assert (Decision.objects.count(), Wait.objects.get().state) == (0, "open")

    def test_what_others_have_edited_must_be_looked_at_again(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, {"name": "pay", "approval": {"needed": 2}})
        [wait] = waiting(start(alice))
        shown = bytes(wait.digest)
        say(bob, wait, "approve", arguments={"amount": 70})
        with pytest.raises(DigestMismatch):
            say(carol, wait, "approve", digest=shown)

    def test_edited_after_a_crash_the_call_is_made_with_what_was_approved(self, support, alice, bob, hosts):
        first = hosts.start()
        agent_with(support, [turn(call("mail_late")), {"text": "Sent."}], {"name": "mail_late", "approval": {}})
        [wait] = waiting(run := start(alice))
        say(bob, wait, "approve")
        eventually_called("mail_late", 1)
        hosts.stop(first)
        hosts.start()
        eventually_called("mail_late", 2)
        toolbox.gate.set()
        assert (ended(run).status, len(set(toolbox.keys)), Wait.objects.count()) == ("succeeded", 1, 1)


class TestOneAnswerWins:
    def test_it_works(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(run := start(alice))
        said = together(lambda: say(bob, wait, "approve"), lambda: say(carol, wait, "reject"))
        assert sum(isinstance(answer, WaitNotOpen) for answer in said) == 1
        won = Decision.objects.get().verdict
        assert (ended(run).status, toolbox.calls) == ("succeeded", {"pay 700": 1} if won == "approve" else {})
        assert history(run.id).count("run.resumed") == 1

    def test_the_last_two_answers_of_a_turn_at_the_same_moment(self, support, alice, bob, carol, host):
        agent_with(support, [turn(*(call("pay", f"c{n}", amount=n) for n in range(6))), {"text": "Done."}], PAY)
        waits = waiting(run := start(alice), 6)
        together(*(lambda wait=wait: say(bob, wait, "approve") for wait in waits))
        assert (ended(run).status, sum(toolbox.calls.values())) == ("succeeded", 6)
        assert history(run.id).count("run.resumed") == 1

    def test_after_the_end(self, support, alice, bob, carol, host):
        agent_with(support, SCRIPT, PAY)
        [wait] = waiting(run := start(alice))
        say(bob, wait, "reject")
        with pytest.raises(WaitNotOpen):
            say(carol, wait, "approve")
        assert ended(run).status == "succeeded"


def eventually_open(run: Run, arguments: dict) -> Wait:
    def look() -> Wait | None:
        waits = Wait.objects.filter(run=run, state="open")
        return next((wait for wait in waits if canonical.load(wait.arguments) == arguments), None)

    found = eventually(look)
    assert found is not None
    return found


def eventually_called(name: str, times: int) -> None:
    eventually(lambda: toolbox.calls[name] >= times)
