"""Changing a run's state: only as the state machine allows, together with its one event."""

import pytest

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.exceptions import IllegalTransition
from apps.runs.models import Event, Run
from apps.runs.statements import MOVE
from apps.runs.states import SOURCES, EventType, RunStatus, StopReason
from apps.runs.transitions import Move, apply_move
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import claim, history, one, set_up_run, together

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = {
    RunStatus.QUEUED: EventType.RELEASED,
    RunStatus.RUNNING: EventType.STARTED,
    RunStatus.WAITING: EventType.WAITING,
    RunStatus.SUCCEEDED: EventType.SUCCEEDED,
    RunStatus.FAILED: EventType.FAILED,
    RunStatus.CANCELLED: EventType.CANCELLED,
}


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    claim()
    return run


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(run, send):
    move = Move(
        run_id=run.id,
        to=RunStatus.SUCCEEDED,
        event=EventType.SUCCEEDED,
        epoch=1,
        reason=StopReason.COMPLETED,
        output=b'"42"',
        messages=b"[]",
        data={"odd": "a\x00\ud800"},
    )
    assert send(MOVE, move.parameters()) == {"event_seq": 3, "next_id": None, "left_thread": None}
    run.refresh_from_db()
    assert (run.status, run.stop_reason, bytes(run.output), bytes(run.messages)) == (
        "succeeded",
        "completed",
        b'"42"',
        b"[]",
    )
    assert (run.worker_id, run.event_seq, run.error_code) == (None, 3, "")
    assert run.finished_at is not None
    assert canonical.load(Event.objects.get(run_id=run.id, seq=3).data) == {"odd": "a\x00\ud800"}
    assert history(run.id) == ["run.queued", "run.started", "run.succeeded"]


@pytest.mark.parametrize("to", sorted(RunStatus))
@pytest.mark.parametrize("at", sorted(RunStatus))
def test_every_pair_of_states(run, at, to):
    Run.objects.filter(id=run.id).update(status=at)
    move = Move(run_id=run.id, to=to, event=EVENTS[to])
    if at in SOURCES[to]:
        assert apply_move(move) == 3
        assert Run.objects.get().status == to
        return
    with pytest.raises(IllegalTransition) as refused:
        apply_move(move)
    assert refused.value.code == "illegal_transition"
    assert (Run.objects.get().status, Run.objects.get().event_seq) == (at, 2)
    assert history(run.id) == ["run.queued", "run.started"]


@pytest.mark.parametrize("epoch", [0, 2])
def test_another_epoch_moves_nothing(run, epoch):
    with pytest.raises(IllegalTransition):
        apply_move(Move(run_id=run.id, to=RunStatus.SUCCEEDED, event=EventType.SUCCEEDED, epoch=epoch, output=b'"x"'))
    run.refresh_from_db()
    assert (run.status, run.output, run.event_seq) == ("running", None, 2)


def test_named_sources_narrow_and_never_widen(run):
    narrow = frozenset({RunStatus.QUEUED})
    wide = frozenset({RunStatus.RUNNING, RunStatus.SUCCEEDED})
    with pytest.raises(IllegalTransition):
        apply_move(Move(run_id=run.id, to=RunStatus.CANCELLED, event=EventType.CANCELLED, sources=narrow))
    Run.objects.filter(id=run.id).update(status="succeeded")
    with pytest.raises(IllegalTransition):
        apply_move(Move(run_id=run.id, to=RunStatus.CANCELLED, event=EventType.CANCELLED, sources=wide))
    assert Run.objects.get().status == "succeeded"


def test_a_run_that_is_not_there():
    with pytest.raises(IllegalTransition):
        apply_move(Move(run_id=new_id(), to=RunStatus.CANCELLED, event=EventType.CANCELLED))


def test_words_that_no_text_column_holds(run):
    odd = Move(
        run_id=run.id,
        to=RunStatus.FAILED,
        event=EventType.FAILED,
        error_code="e" * 70,
        error_detail="a\x00b\ud800" + "x" * 5000,
    )
    apply_move(odd)
    run.refresh_from_db()
    assert (run.error_code, len(run.error_detail)) == ("e" * 60, 4000)
    assert run.error_detail.startswith("a\ufffdb?x")
    assert run.error_detail.endswith("x…")


def test_a_released_run_keeps_what_it_has(run):
    Run.objects.filter(id=run.id).update(crashes=1)
    apply_move(
        Move(
            run_id=run.id,
            to=RunStatus.QUEUED,
            event=EventType.RELEASED,
            epoch=1,
            sources=frozenset({RunStatus.RUNNING}),
        )
    )
    before = run.queued_at
    run.refresh_from_db()
    assert (run.status, run.crashes, run.attempt, run.worker_id, run.finished_at) == ("queued", 1, 0, None, None)
    assert run.queued_at > before


def test_of_two_ends_at_once_one_is_told(support):
    for _ in range(20):
        run = set_up_run(support)
        claim()
        moves = [
            Move(run_id=run.id, to=to, event=EVENTS[to], epoch=1) for to in (RunStatus.SUCCEEDED, RunStatus.FAILED)
        ]
        outcomes = together(*(lambda move=move: apply_move(move) for move in moves))
        assert sorted(str(type(outcome).__name__) for outcome in outcomes) == ["IllegalTransition", "int"]
        assert len(history(run.id)) == 3
