"""What a process that lost a run still tries to write, and what it could not know was written."""

import pytest

from apps.runs.models import Effect, Run
from apps.runs.payloads import pack
from apps.runs.statements import INTEND, MOVE, SWEEP
from apps.runs.states import EventType, RunStatus
from apps.runs.transitions import Move
from tests.integration.runs.world import claim, end_lease, history, intent_row, make_worker, one, set_up_run
from workers.engine.outcome import Holder, failed, stopped, succeeded
from workers.engine.stops import BudgetExceeded, CancelSeen, Drained, OutcomeUnknown

pytestmark = pytest.mark.django_db(transaction=True)


def swept(workspace) -> Run:
    """A run whose worker was lost; it is queued, under the epoch of its former holder."""
    run = set_up_run(workspace)
    worker = make_worker()
    assert claim(worker) is not None
    end_lease(worker)
    assert one(SWEEP) is not None
    return run


OUTCOMES = {
    "succeeded": lambda holder: succeeded(holder, pack(b'"Hello."'), None),
    "failed": lambda holder: failed(holder, "provider_unavailable", "The connection broke."),
    "budget": lambda holder: stopped(holder, BudgetExceeded("Too much.")),
    "cancelled": lambda holder: stopped(holder, CancelSeen()),
    "waiting": lambda holder: stopped(holder, OutcomeUnknown("Who knows?")),
    "drained": lambda holder: stopped(holder, Drained()),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_former_holder_does_not_move_a_run_that_was_swept(support, outcome):
    run = swept(support)
    move = OUTCOMES[outcome](Holder(run.id, 1))
    assert isinstance(move, Move)
    assert one(MOVE, move.parameters()) is None
    run.refresh_from_db()
    assert (run.status, run.stop_reason, run.error_code, run.output) == ("queued", "", "", None)
    assert history(run.id) == ["run.queued", "run.started", "run.released"]


def test_an_intent_whose_commit_was_not_answered_is_recognised(support):
    """The connection broke after the commit: the repeat must not look like a call that was started before."""
    run = set_up_run(support)
    claim()
    first = intent_row(run.id)
    assert one(INTEND, first) == {"held": True, "inserted": True}
    assert one(INTEND, first) == {"held": True, "inserted": True}
    assert one(INTEND, intent_row(run.id)) == {"held": True, "inserted": False}
    assert list(Effect.objects.values_list("intent_id", "state")) == [(first["id"], "intent")]


def test_whoever_may_decide_needs_no_epoch(support):
    run = swept(support)
    move = Move(run_id=run.id, to=RunStatus.CANCELLED, event=EventType.CANCELLED)
    assert set(move.parameters()["sources"]) == {"queued", "running", "waiting"}
