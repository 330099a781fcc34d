"""The ledger of tool calls that change the world: an intent before, a result with it, never a second call."""

import pytest

from apps.core.ids import new_id
from apps.runs.models import Effect, Run, Step
from apps.runs.statements import INTEND, RECALL, RECORD_EFFECT_STEP, SETTLE
from apps.runs.states import RunStatus
from tests.integration.runs.engine_pool import through_the_engine
from tests.integration.runs.world import claim, one, record, set_up_run, step_row, together

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "1/agent__function_toolset__tools.call_tool:pay/call-1"


@pytest.fixture
def run(support) -> Run:
    run = set_up_run(support)
    claim()
    return run


def line(run: Run, epoch: int = 1, **changes) -> dict:
    return {
        "id": new_id(),
        "run": run.id,
        "epoch": epoch,
        "key": KEY,
        "tool": "pay",
        "digest": bytes(32),
    } | changes


def ledger() -> list[tuple]:
    return list(Effect.objects.order_by("id").values_list("key", "tool", "state", "epoch", "result"))


@pytest.mark.parametrize("send", [one, through_the_engine])
def test_it_works(run, send):
    assert send(INTEND, line(run)) == {"held": True, "inserted": True}
    assert ledger() == [(KEY, "pay", "intent", 1, None)]
    assert Effect.objects.get().workspace_id == run.workspace_id
    assert send(RECALL, {"run": run.id, "key": KEY}) is None
    step = step_row(run.id, 1, KEY, kind="tool", name="pay", model_calls=0, result=b'{"receipt":7}')
    assert send(RECORD_EFFECT_STEP, step) == {"step_count": 1, "event_seq": 3, "cancel_requested": False}
    assert ledger() == [(KEY, "pay", "committed", 1, b'{"receipt":7}')]
    assert Effect.objects.get().settled_at is not None
    recalled = send(RECALL, {"run": run.id, "key": KEY})
    assert bytes(recalled["result"]) == b'{"receipt":7}'


def test_a_second_intent_is_told(run):
    one(INTEND, line(run))
    assert one(INTEND, line(run)) == {"held": True, "inserted": False}
    assert Effect.objects.count() == 1


def test_of_two_intents_at_once_one_goes_on(run):
    for n in range(20):
        answers = together(*[lambda n=n: one(INTEND, line(run, key=f"{n}/pay"))] * 2)
        assert sorted(answer["inserted"] for answer in answers) == [False, True]


@pytest.mark.parametrize("epoch", [0, 2])
def test_another_epoch_intends_nothing(run, epoch):
    assert one(INTEND, line(run, epoch)) == {"held": False, "inserted": False}
    assert one(SETTLE, line(run, epoch, result=b"1")) is None
    assert ledger() == []


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.RUNNING}))
def test_a_run_that_is_not_running_intends_nothing(run, status):
    Run.objects.filter(id=run.id).update(status=status)
    assert one(INTEND, line(run)) == {"held": False, "inserted": False}
    assert one(SETTLE, line(run, result=b"1")) is None
    assert ledger() == []


def test_a_zombies_step_leaves_the_intent_open(run):
    one(INTEND, line(run))
    assert one(RECORD_EFFECT_STEP, step_row(run.id, 2, KEY)) is None
    assert (ledger()[0][2], Step.objects.count()) == ("intent", 0)


@pytest.mark.parametrize("intended", [True, False])
@pytest.mark.parametrize("send", [one, through_the_engine])
def test_a_tool_settles_its_own_line(run, send, intended):
    if intended:
        one(INTEND, line(run))
    assert send(SETTLE, line(run, result=b'"done"')) is not None
    assert ledger() == [(KEY, "pay", "committed", 1, b'"done"')]


def test_a_settled_line_is_not_settled_again(run):
    one(SETTLE, line(run, result=b'"first"'))
    assert one(SETTLE, line(run, result=b'"second"')) is None
    assert ledger()[0][4] == b'"first"'


def test_a_step_without_effect_leaves_the_ledger_alone(run):
    one(INTEND, line(run))
    record(run.id, 1)
    assert ledger()[0][2] == "intent"
