"""The ledger of tool calls that change the world: an intent before, an end with the step, never a second call."""

import pytest

from apps.core.ids import new_id
from apps.runs.models import Effect, Run, Step
from apps.runs.statements import INTEND, KEEP_LATE, RECALL, RECORD_EFFECT_STEP, SETTLE, SWEEP
from apps.runs.states import RunStatus
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import claim, end_lease, intent_row, make_worker, one, record, set_up_run, step_row
from tests.integration.runs.world import together as at_once

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "1/tool:pay/call-1"


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    claim()
    return run


def intent(run: Run, epoch: int = 1, key: str = KEY, **changes) -> dict:
    return intent_row(run.id, epoch, key, **changes)


def step(run: Run, epoch: int = 1, **changes) -> dict:
    fields = {"kind": "tool", "name": "pay", "model_calls": 0, "result": b'{"receipt":7}'} | changes
    return step_row(run.id, epoch, KEY, **fields)


def settled(run: Run, result: bytes = b'"done"', epoch: int = 1) -> dict:
    line = {"id": new_id(), "run": run.id, "epoch": epoch, "key": KEY, "tool": "pay", "digest": bytes(32)}
    return line | {"result": result}


def ledger() -> list[tuple]:
    return list(Effect.objects.order_by("id").values_list("key", "tool", "state", "epoch", "result"))


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(run, send):
    assert send(INTEND, intent(run)) == {"held": True, "inserted": True}
    assert ledger() == [(KEY, "pay", "intent", 1, None)]
    assert bytes(Effect.objects.get().arguments) == b'{"amount":7}'
    assert Effect.objects.get().workspace_id == run.workspace_id
    assert send(RECALL, {"run": run.id, "key": KEY}) is None
    assert send(RECORD_EFFECT_STEP, step(run)) == {
        "step_count": 1,
        "event_seq": 3,
        "cancel_requested": False,
        "budgeted": False,
    }
    assert ledger() == [(KEY, "pay", "committed", 1, None)]
    assert Effect.objects.get().settled_at is not None
    assert send(RECALL, {"run": run.id, "key": KEY}) is None


@pytest.mark.parametrize("end", ["committed", "failed", "reconciled"])
def test_a_line_ends_with_its_step(run, end):
    one(INTEND, intent(run))
    one(RECORD_EFFECT_STEP, step(run, effect=end, checked=end == "reconciled"))
    effect = Effect.objects.get()
    assert (effect.state, effect.decided_by_kind) == (end, "check" if end == "reconciled" else "")


def test_a_second_intent_is_told(run):
    one(INTEND, intent(run))
    assert one(INTEND, intent(run)) == {"held": True, "inserted": False}
    assert Effect.objects.count() == 1


def test_of_two_intents_at_once_one_goes_on(run):
    for n in range(20):
        answers = at_once(*[lambda n=n: one(INTEND, intent(run, key=f"{n}/pay"))] * 2)
        assert sorted(answer["inserted"] for answer in answers) == [False, True]


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_a_call_that_did_not_happen_is_intended_once_more(run, send):
    send(INTEND, intent(run))
    Effect.objects.update(state="failed", decided_by_kind="user")
    assert send(INTEND, intent(run)) == {"held": True, "inserted": True}
    assert Effect.objects.values_list("state", "decided_by_kind").get() == ("intent", "user")
    assert send(INTEND, intent(run)) == {"held": True, "inserted": False}


def test_of_two_at_once_one_makes_the_call_again(run):
    for n in range(20):
        one(INTEND, intent(run, key=f"{n}/pay"))
        Effect.objects.update(state="failed")
        answers = at_once(*[lambda n=n: one(INTEND, intent(run, key=f"{n}/pay"))] * 2)
        assert sorted(answer["inserted"] for answer in answers) == [False, True]


@pytest.mark.parametrize("left", ["intent", "outcome_unknown"])
def test_a_check_may_say_that_the_call_did_not_happen(run, left):
    one(INTEND, intent(run))
    Effect.objects.update(state=left)
    again = intent(run, again=True)
    assert one(INTEND, again) == {"held": True, "inserted": True}
    assert one(INTEND, again) == {"held": True, "inserted": True}, "its own commit was not answered"
    assert Effect.objects.values_list("state", "decided_by_kind").get() == ("intent", "check")


@pytest.mark.parametrize("state", ["committed", "reconciled"])
def test_what_happened_is_not_intended_again(run, state):
    one(INTEND, intent(run))
    Effect.objects.update(state=state)
    for again in (False, True):
        assert one(INTEND, intent(run, again=again)) == {"held": True, "inserted": False}
    assert Effect.objects.get().state == state


@pytest.mark.parametrize("epoch", [0, 2])
def test_another_epoch_intends_nothing(run, epoch):
    assert one(INTEND, intent(run, epoch)) == {"held": False, "inserted": False}
    assert one(SETTLE, settled(run, epoch=epoch)) is None
    assert ledger() == []


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.RUNNING}))
def test_a_run_that_is_not_running_intends_nothing(run, status):
    Run.objects.filter(id=run.id).update(status=status)
    assert one(INTEND, intent(run)) == {"held": False, "inserted": False}
    assert one(SETTLE, settled(run)) is None
    assert ledger() == []


def test_a_zombies_step_leaves_the_intent_open(run):
    one(INTEND, intent(run))
    assert one(RECORD_EFFECT_STEP, step(run, 2)) is None
    assert (ledger()[0][2], Step.objects.count()) == ("intent", 0)


@pytest.mark.parametrize("before", [None, "intent", "failed"])
@pytest.mark.parametrize("send", [one, through_the_engine])
def test_a_tool_settles_its_own_line(run, send, before):
    if before is not None:
        one(INTEND, intent(run))
        Effect.objects.update(state=before)
    assert send(SETTLE, settled(run)) is not None
    assert ledger() == [(KEY, "pay", "committed", 1, b'"done"')]
    recalled = send(RECALL, {"run": run.id, "key": KEY})
    assert bytes(recalled["result"]) == b'"done"'


def test_a_settled_line_is_not_settled_again(run):
    one(SETTLE, settled(run, b'"first"'))
    assert one(SETTLE, settled(run, b'"second"')) is None
    assert ledger()[0][4] == b'"first"'


def test_what_a_person_found_out_is_recalled_and_stays_told_as_that(run):
    one(INTEND, intent(run))
    Effect.objects.update(state="reconciled", result=b'{"receipt":8}', decided_by_kind="user")
    assert bytes(one(RECALL, {"run": run.id, "key": KEY})["result"]) == b'{"receipt":8}'
    one(RECORD_EFFECT_STEP, step(run))
    assert Effect.objects.values_list("state", "decided_by_kind").get() == ("reconciled", "user")


def test_a_step_without_effect_leaves_the_ledger_alone(run):
    one(INTEND, intent(run))
    record(run.id, 1)
    assert ledger()[0][2] == "intent"


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_a_late_result_is_kept_beside_everything_else(run, send):
    one(INTEND, intent(run))
    Run.objects.filter(id=run.id).update(lease_epoch=2)
    before = Run.objects.values().get(), Effect.objects.values().get()
    late = {"run": run.id, "key": KEY, "epoch": 1, "payload": b'{"result":1}'}
    assert send(KEEP_LATE, late) is not None
    assert send(KEEP_LATE, late | {"payload": b'{"result":2}'}) is None, "the first stays"
    assert Run.objects.values().get() == before[0]
    assert Effect.objects.values().get() == before[1] | {"late_result": b'{"result":1}'}


def test_a_result_that_was_recorded_is_not_late(run):
    one(INTEND, intent(run))
    one(RECORD_EFFECT_STEP, step(run))
    assert one(KEEP_LATE, {"run": run.id, "key": KEY, "epoch": 1, "payload": b"1"}) is None


def test_a_poisoned_run_leaves_no_intent_behind(support):
    run, worker = set_up_run(support), make_worker()
    claim(worker)
    Run.objects.update(quarantined=True)
    one(INTEND, intent(run))
    end_lease(worker)
    assert one(SWEEP)["status"] == "failed"
    assert ledger()[0][2] == "outcome_unknown"


def test_a_run_that_goes_on_elsewhere_keeps_its_intent(support):
    run, worker = set_up_run(support), make_worker()
    claim(worker)
    one(INTEND, intent(run))
    end_lease(worker)
    assert one(SWEEP)["status"] == "queued"
    assert ledger()[0][2] == "intent"
