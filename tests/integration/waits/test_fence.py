"""Only the holder of the lease makes a run wait; a second try of the same statement changes nothing."""

import pytest

from apps.runs.models import Event, Run, Wait
from apps.runs.services import cancel_run
from apps.runs.services.waits_opening import suspend_with_children
from apps.runs.states import WaitKind
from apps.runs.suspension import Suspension, suspension
from apps.runs.waiting import Asked
from apps.tools.deferral import ChildRun
from tests.integration.runs.world import claim, history, one, set_up_run


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    claim()
    return run


def move_of(run: Run, epoch: int = 1, *, child: bool = False) -> Suspension:
    wanted = ChildRun(agent="docs", input="x") if child else None
    kind = WaitKind.CHILD if child else WaitKind.TIMER
    asked = Asked(kind=kind, run_step=1, tool_call_id="c0", tool="t", arguments={}, child=wanted, due_seconds=60)
    return suspension(run.id, epoch, (asked,))


def apply(move: Suspension) -> int | None:
    row = one(move.statement, move.parameters())
    return None if row is None else row["event_seq"]


@pytest.mark.parametrize("child", [False, True])
class TestBothWays:
    def act(self, run: Run, child: bool, epoch: int = 1) -> int | None:
        move = move_of(run, epoch, child=child)
        return suspend_with_children(move) if child else apply(move)

    def test_it_works(self, run, child):
        assert self.act(run, child) == 4
        assert history(run.id) == ["run.queued", "run.started", "wait.opened", "run.waiting"]
        run.refresh_from_db()
        assert (run.status, run.worker_id, run.attempt, run.event_seq) == ("waiting", None, 0, 4)
        assert Run.objects.filter(parent=run).count() == int(child)

    def test_an_old_epoch(self, run, child):
        Run.objects.filter(id=run.id).update(lease_epoch=2)
        assert self.act(run, child) is None
        assert (Wait.objects.count(), Run.objects.count(), Event.objects.count()) == (0, 1, 2)

    def test_a_run_that_was_given_back(self, run, child):
        Run.objects.filter(id=run.id).update(status="queued", worker_id=None)
        assert self.act(run, child) is None
        assert (Wait.objects.count(), Run.objects.count()) == (0, 1)

    def test_a_run_that_is_to_be_cancelled(self, support, run, child):
        cancel_run(support.id, run.id)
        assert self.act(run, child) is None
        assert (Wait.objects.count(), Run.objects.get(id=run.id).status) == (0, "running")

    def test_twice(self, run, child):
        move = move_of(run, child=child)
        first, second = (suspend_with_children(move) if child else apply(move) for _ in range(2))
        assert (first, second, Wait.objects.count()) == (4, None, 1)
        assert Run.objects.filter(parent=run).count() == int(child)


def test_a_child_that_cannot_be_started_leaves_its_reason(run):
    asked = Asked(
        kind=WaitKind.CHILD, run_step=1, tool_call_id="c0", tool="run_agent", arguments={},
        child=ChildRun(agent="nobody", input="x"),
    )  # fmt: skip
    assert suspend_with_children(suspension(run.id, 1, (asked,))) == 4
    assert history(run.id)[-2:] == ["wait.opened", "run.released"]
    wait = Wait.objects.get()
    assert (wait.state, wait.child_id, Run.objects.get().status) == ("resolved", None, "queued")
