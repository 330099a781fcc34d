"""What a run may give to those that it starts: no more steps and time than it has, nor more runs than a tree may be."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.services import pause_intake
from apps.core import canonical
from apps.runs.exceptions import IntakePaused
from apps.runs.family_statements import FIRST_ANCESTOR, SIZE
from apps.runs.limits import Limits
from apps.runs.models import Account, Run, Wait
from apps.runs.services import cancel_run, resume_run
from apps.runs.services.budgets import descendants_accounts
from apps.runs.services.waits_opening import suspend_with_children
from apps.runs.states import RunStatus, WaitKind
from apps.runs.suspension import suspension
from apps.runs.waiting import Asked
from apps.tools.deferral import ChildRun
from tests.integration.runs.crowds import analyze
from tests.integration.runs.world import claim, finish, make_agent, one, record, set_up_run, together
from tests.integration.waits.test_plans import scans


def running(support, **fields: Any) -> Run:
    """A run that a worker has."""
    run = set_up_run(support, **fields)
    assert claim()["id"] == run.id
    return Run.objects.get(id=run.id)


def start_children(parent: Run, *agents: str) -> list[Wait]:
    """The waits of a turn in which the run asked for these agents."""
    asked = [
        Asked(kind=WaitKind.CHILD, run_step=1, tool_call_id=f"c{n}", tool="run_agent", arguments={}, prompt=agent,
              child=ChildRun(agent=agent, input="x"))
        for n, agent in enumerate(agents or ("docs",))
    ]  # fmt: skip
    epoch = Run.objects.get(id=parent.id).lease_epoch
    assert suspend_with_children(suspension(parent.id, epoch, tuple(asked))) is not None
    return list(Wait.objects.filter(run=parent).order_by("id"))


def told(wait: Wait) -> str:
    """What the model hears instead of an answer."""
    return canonical.load(wait.result)["message"]


class TestLimits:
    def test_it_works(self, support):
        parent = running(support, limits=Limits(steps=10, seconds=60.0))
        record(parent.id, 1)
        [wait] = start_children(parent)
        parent.refresh_from_db()
        assert wait.child.limits["steps"] == 9
        assert 0 < wait.child.limits["seconds"] <= 60
        assert wait.child.deadline_at == parent.deadline_at

    def test_its_own_agent_may_be_stricter(self, support):
        make_agent(support, slug="brief", limits={"steps": 3, "seconds": 5})
        [wait] = start_children(running(support, limits=Limits(steps=10, seconds=60.0)), "brief")
        assert (wait.child.limits["steps"], wait.child.limits["seconds"]) == (3, 5)

    def test_its_time_ends_with_its_parents_however_late_it_begins(self, support):
        parent = running(support, limits=Limits(seconds=60.0))
        [wait] = start_children(parent)
        assert claim()["id"] == wait.child_id
        assert Run.objects.get(id=wait.child_id).deadline_at == Run.objects.get(id=parent.id).deadline_at

    def test_a_stricter_time_of_its_own_begins_with_its_own_start(self, support):
        make_agent(support, slug="brief", limits={"seconds": 5})
        parent = running(support, limits=Limits(seconds=60.0))
        [wait] = start_children(parent, "brief")
        assert 4 < claim()["seconds_left"] <= 5
        assert Run.objects.get(id=wait.child_id).deadline_at < Run.objects.get(id=parent.id).deadline_at

    def test_without_ceilings_of_the_parent(self, support):
        make_agent(support, slug="free", limits={"steps": None})
        [wait] = start_children(running(support, agent="free"), "free")
        assert (wait.child.limits.get("steps"), wait.child.limits.get("seconds")) == (None, None)

    def test_a_parent_that_has_none_left(self, support):
        parent = running(support, limits=Limits(steps=1))
        record(parent.id, 1)
        [wait] = start_children(parent)
        assert (wait.child_id, told(wait)) == (
            None,
            "This run has used all of its steps, and another one would have none.",
        )

    def test_a_parent_whose_time_is_over(self, support):
        parent = running(support, limits=Limits(seconds=60.0))
        Run.objects.filter(id=parent.id).update(deadline_at=parent.deadline_at - timedelta(hours=1))
        [wait] = start_children(parent)
        assert (wait.child_id, told(wait)) == (None, "The time of this run is over, and another one would have none.")


class TestTheTree:
    def test_it_works(self, support, settings):
        settings.CEF_RUN_TREE = 3
        waits = start_children(running(support), "docs", "docs", "docs")
        assert [wait.child_id is not None for wait in waits] == [True, True, False]
        assert (
            told(waits[2]) == "A run and all that came of it may be 3 runs, and this one's are. Do the task yourself."
        )
        assert Run.objects.count() == 3

    def test_grandchildren_count(self, support, settings):
        settings.CEF_RUN_TREE = 3
        [first] = start_children(running(support))
        claim()
        [second] = start_children(first.child)
        claim()
        [third] = start_children(second.child)
        assert (second.child_id is not None, third.child_id, Run.objects.count()) == (True, None, 3)

    def test_other_trees_do_not(self, support, settings):
        settings.CEF_RUN_TREE = 2
        start_children(running(support))
        Run.objects.filter(status="queued").update(status="cancelled")
        [wait] = start_children(running(support))
        assert wait.child_id is not None

    def test_one_that_could_not_be_started_does_not(self, support, settings):
        settings.CEF_RUN_TREE = 2
        first, second = start_children(running(support), "nobody", "docs")
        assert (first.child_id, second.child_id is not None) == (None, True)

    def test_two_branches_at_the_same_moment(self, support, settings):
        settings.CEF_RUN_TREE = 4
        waits = start_children(running(support), "docs", "docs")
        for _ in waits:
            claim()
        together(*(lambda run=wait.child: start_children(run, "docs", "docs") for wait in waits))
        assert Run.objects.count() == 4

    def test_a_branch_begins_while_the_tree_is_cancelled(self, support):
        """Who starts holds its own row and then the tree; who cancels goes from the top down: no circle."""
        root = running(support)
        waits = start_children(root, *["docs"] * 4)
        for _ in waits:
            claim()
        actions = [lambda run=wait.child: suspend(run) for wait in waits]
        said = together(lambda: cancel_run(support.id, root.id), *actions)
        assert not [answer for answer in said if isinstance(answer, Exception)]
        assert not Run.objects.filter(status__in=["queued", "waiting"]).exists()

    def test_counting_walks_indexes(self, support):
        parent = running(support)
        start_children(parent)
        crowd = [Run(**copy_of(parent)) for _ in range(3_000)]
        Run.objects.bulk_create(crowd)
        Run.objects.bulk_create(Run(**copy_of(parent), parent=each) for each in crowd)
        analyze("runs_run")
        assert one(SIZE, {"first": parent.id, "most": 1000}) == {"count": 2}
        assert scans(SIZE, {"first": parent.id, "most": 1000}) == []
        assert scans(FIRST_ANCESTOR, {"run": parent.id}) == []


def suspend(run: Run) -> int | None:
    asked = Asked(kind=WaitKind.CHILD, run_step=1, tool_call_id="c0", tool="run_agent", arguments={},
                  child=ChildRun(agent="docs", input="x"))  # fmt: skip
    return suspend_with_children(suspension(run.id, Run.objects.get(id=run.id).lease_epoch, (asked,)))


def copy_of(run: Run) -> dict[str, Any]:
    names = "workspace_id", "agent_id", "agent_version_id", "input"
    return {name: getattr(run, name) for name in names} | {"status": "succeeded"}


def test_children_of_accepted_runs_are_started_while_the_intake_is_paused(support):
    parent = running(support)
    pause_intake(support)
    [wait] = start_children(parent)
    assert (wait.state, wait.child.status) == ("open", "queued")
    with pytest.raises(IntakePaused):
        set_up_run(support)


class TestLimitsSetOnResume:
    def failed_with_children(self, support) -> tuple[Run, Run, Run]:
        """A run without a ceiling of tokens, its child and the child's, of 7 tokens each."""
        make_agent(support, slug="free", limits={"tokens": None, "usd": None})
        root = running(support, agent="free")
        record(root.id, 1)
        [wait] = start_children(root, "free")
        claim()
        record(wait.child_id, 1)
        [below] = start_children(wait.child, "free")
        claim()
        record(below.child_id, 1)
        for run in (below.child, wait.child, root):
            Run.objects.filter(id=run.id).update(status="running")
            finish(run, RunStatus.FAILED)
        return root, wait.child, below.child

    def test_what_children_spent_before_counts(self, support):
        root, *_ = self.failed_with_children(support)
        resume_run(support.id, root.id, limits=Limits(tokens=30, usd=1.5))
        account = Account.objects.get()
        assert (account.subject_id, account.token_limit, account.usd_limit) == (root.id, 30, Decimal("1.5"))
        assert (account.tokens_spent, account.usd_spent) == (21, Decimal("0.000015"))
        assert {tuple(run.account_ids) for run in Run.objects.all()} == {(account.id,)}
        root.refresh_from_db()
        assert descendants_accounts(root) == [account.id]

    def test_again(self, support):
        root, *_ = self.failed_with_children(support)
        resume_run(support.id, root.id, limits=Limits(tokens=30))
        finish(root, RunStatus.FAILED)
        resume_run(support.id, root.id, limits=Limits(tokens=40))
        account = Account.objects.get()
        assert (account.token_limit, account.tokens_spent) == (40, 21)
        assert Run.objects.get(id=root.id).account_ids == [account.id]

    def test_without_children_no_account_is_needed(self, support):
        run = running(support)
        finish(run, RunStatus.FAILED)
        resume_run(support.id, run.id, limits=Limits(tokens=30))
        assert (Account.objects.count(), Run.objects.get().account_ids) == (0, [])
