"""Recording a step: once, in order, and by nobody but the holder of the lease."""

from decimal import Decimal

import psycopg.errors
import pytest
from django.db import IntegrityError

from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.models import Event, Run, Step
from apps.runs.services import cancel_run
from apps.runs.statements import ALREADY_RECORDED, RECORD_STEP, SWEEP
from apps.runs.states import RunStatus
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import (
    claim,
    end_lease,
    finish,
    history,
    make_worker,
    one,
    record,
    set_up_run,
    step_row,
    together,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(support) -> Run:
    """Held under epoch 1."""
    run = set_up_run(support)
    claim()
    return run


def unchanged(run: Run) -> bool:
    """Nothing of the run's row, steps and events is other than after the claim."""
    row = Run.objects.filter(id=run.id).values_list("step_count", "model_calls", "input_tokens", "event_seq").get()
    return row == (0, 0, 0, 2) and not Step.objects.exists() and history(run.id) == ["run.queued", "run.started"]


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(run, send):
    receipt = send(RECORD_STEP, step_row(run.id, 1, first_token_ms=12, manifest=b"{}"))
    assert receipt == {"step_count": 1, "event_seq": 3, "cancel_requested": False, "budgeted": False}
    step = Step.objects.get()
    assert (step.run_id, step.n, step.key, step.kind) == (run.id, 1, "1/agent__model.request/0", "model")
    assert (bytes(step.result), bytes(step.manifest), step.request, step.epoch) == (b'{"answer":42}', b"{}", None, 1)
    assert (step.first_token_ms, step.input_tokens, step.output_tokens) == (12, 3, 4)
    assert step.cost_usd == Decimal("0.00000500")
    assert abs((step.finished_at - step.started_at).total_seconds() - 0.25) < 0.2
    event = Event.objects.get(run_id=run.id, seq=3)
    assert (event.type, event.step_n, canonical.load(event.data)["kind"]) == ("step.recorded", 1, "model")
    row = Run.objects.get()
    assert (row.step_count, row.model_calls, row.input_tokens, row.output_tokens) == (1, 1, 3, 4)
    assert (row.cost_usd, row.event_seq) == (Decimal("0.00000500"), 3)


def test_steps_are_numbered_as_they_are_recorded(run):
    for n in range(1, 4):
        receipt = record(run.id, 1, key=f"{n}/x/0")
        assert receipt is not None
        assert (receipt["step_count"], receipt["event_seq"]) == (n, n + 2)
    assert list(Step.objects.values_list("n", "key")) == [(1, "1/x/0"), (2, "2/x/0"), (3, "3/x/0")]


@pytest.mark.parametrize("epoch", [0, 2, -1])
def test_another_epoch_writes_nothing(run, epoch):
    assert record(run.id, epoch) is None
    assert unchanged(run)


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.RUNNING}))
def test_nothing_is_recorded_unless_the_run_is_running(run, status):
    Run.objects.filter(id=run.id).update(status=status)
    assert record(run.id, 1) is None
    assert unchanged(run)


def test_a_zombie_writes_nothing_after_a_takeover(support):
    """A worker that slept through the end of its lease wakes up and records."""
    run = set_up_run(support)
    sleeper = make_worker()
    claim(sleeper)
    end_lease(sleeper)
    one(SWEEP)
    assert record(run.id, 1) is None
    again = claim()
    assert again is not None
    assert again["lease_epoch"] == 2
    assert record(run.id, 1) is None
    assert Step.objects.count() == 0
    assert record(run.id, 2) is not None
    assert history(run.id) == ["run.queued", "run.started", "run.released", "run.started", "step.recorded"]


def test_a_zombie_that_races_with_the_takeover(support):
    """Either it was in time and its step is part of the journal, or nothing of it is there."""
    worker = make_worker()
    for _ in range(25):
        run = set_up_run(support)
        claim(worker)
        Run.objects.filter(id=run.id).update(worker_id=new_id())
        receipt, _ = together(lambda run=run: record(run.id, 1), lambda: one(SWEEP))
        one(SWEEP)  # the first may have passed over a row that the zombie held
        steps = Step.objects.filter(run_id=run.id).count()
        assert steps == (0 if receipt is None else 1)
        row = Run.objects.get(id=run.id)
        assert (row.status, row.step_count, row.event_seq) == ("queued", steps, 3 + steps)
        assert len(history(run.id)) == row.event_seq
        cancel_run(support.id, run.id)


def test_a_unit_is_recorded_once(run):
    record(run.id, 1)
    with pytest.raises(IntegrityError) as refused:
        record(run.id, 1, result=b'"another answer"')
    assert isinstance(refused.value.__cause__, psycopg.errors.UniqueViolation)
    row = Run.objects.get()
    assert (row.step_count, row.event_seq, row.input_tokens) == (1, 3, 3)
    assert bytes(Step.objects.get().result) == b'{"answer":42}'
    assert history(run.id) == ["run.queued", "run.started", "step.recorded"]


def test_a_repeat_after_a_lost_answer_finds_its_step(run):
    record(run.id, 1)
    unit = {"run": run.id, "epoch": 1, "key": "1/agent__model.request/0"}
    found = {"step_count": 1, "event_seq": 3, "cancel_requested": False, "budgeted": False}
    assert one(ALREADY_RECORDED, unit) == found
    assert through_the_engine(ALREADY_RECORDED, unit) == found
    for other in ({"epoch": 2}, {"key": "2/agent__model.request/0"}):
        assert one(ALREADY_RECORDED, unit | other) is None


def test_a_step_of_an_earlier_epoch_is_not_taken_for_the_own(run):
    """Two processes ran the same unit: the one that was too late must not go on as if it had recorded it."""
    record(run.id, 1)
    Run.objects.filter(id=run.id).update(status="queued", worker_id=None)
    claim()
    assert one(ALREADY_RECORDED, {"run": run.id, "epoch": 2, "key": "1/agent__model.request/0"}) is None


def test_parallel_steps_of_one_run_leave_no_hole(run):
    receipts = together(*(lambda n=n: record(run.id, 1, key=f"1/tool/{n}") for n in range(8)))
    assert sorted(receipt["step_count"] for receipt in receipts) == list(range(1, 9))
    assert list(Step.objects.values_list("n", flat=True)) == list(range(1, 9))
    assert history(run.id).count("step.recorded") == 8


def test_a_recorded_step_forgives_crashes(run):
    Run.objects.filter(id=run.id).update(crashes=2)
    record(run.id, 1)
    assert Run.objects.get().crashes == 0


def test_odd_bytes_are_kept(run):
    odd = canonical.dump({"text": "a\x00b\ud800c"})
    through_the_engine(RECORD_STEP, step_row(run.id, 1, result=odd, event=odd, request=odd, manifest=odd))
    step = Step.objects.get()
    assert {bytes(data) for data in (step.result, step.request, step.manifest)} == {odd}
    assert canonical.load(Event.objects.get(seq=3).data) == {"text": "a\x00b\ud800c"}


def test_a_finished_run_takes_no_step(run):
    finish(run)
    assert record(run.id, 1) is None
    assert Step.objects.count() == 0
