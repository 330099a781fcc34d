"""A person decides about a call of which nobody knows how it ended."""

import pytest
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.core import canonical
from apps.core.ids import new_id
from apps.runs.exceptions import (
    EffectDecided,
    EffectNotFound,
    EffectNotOpen,
    InvalidRunInput,
    PayloadsRemoved,
    RunFinished,
)
from apps.runs.models import Effect, Event, Run
from apps.runs.services import EffectDecision, Origin, cancel_run, resolve_effect
from apps.runs.statements import INTEND, MOVE
from apps.runs.states import RunStatus
from apps.tools.models import ToolVersion
from apps.tools.registry import _load_once
from apps.tools.services import sync_registry
from tests.integration.runs.world import bells, claim, history, intent_row, make_agent, one, set_up_run, together
from workers.engine.outcome import Holder, stopped
from workers.engine.stops import OutcomeUnknown

pytestmark = pytest.mark.django_db(transaction=True)

ALICE = Origin(kind="user", id=new_id())
HAPPENED, RUN, STOP = EffectDecision


@pytest.fixture
def paying(support: Workspace, settings) -> Workspace:
    """A workspace whose agent may pay; what `pay` returns is an object of integers."""
    settings.CEF_TOOL_MODULES = [*settings.CEF_TOOL_MODULES, "tests.integration.engine.toolbox"]
    _load_once.cache_clear()
    sync_registry()
    make_agent(support, tools=[{"name": "pay"}])
    yield support
    _load_once.cache_clear()


def parked(workspace: Workspace, *keys: str) -> Run:
    """A run that waits because nobody knows how its calls ended."""
    run = set_up_run(workspace)
    epoch = claim()["lease_epoch"]
    for key in keys or ("1/pay/c",):
        one(INTEND, intent_row(run.id, epoch, key))
    move = stopped(Holder(run.id, epoch), OutcomeUnknown("Who knows?"))
    assert one(MOVE, move.parameters()) is not None
    bells()
    return Run.objects.get(id=run.id)


def undecided(run: Run) -> Effect:
    return Effect.objects.filter(run_id=run.id, state="outcome_unknown", settled_at=None).order_by("id").first()


def row(effect: Effect) -> tuple:
    effect.refresh_from_db()
    result = None if effect.result is None else canonical.load(effect.result)
    return effect.state, result, effect.decided_by_kind, effect.decided_by_id, effect.note


def last_events(run: Run, count: int) -> list:
    rows = Event.objects.filter(run_id=run.id).order_by("-seq")[:count]
    return [(event.type, canonical.load(event.data)) for event in reversed(rows)]


def test_it_happened(paying):
    run = parked(paying)
    effect = undecided(run)
    resolve_effect(
        paying.id, effect.id, decision=HAPPENED, result={"receipt": 7}, note="Seen at the bank.", origin=ALICE
    )
    assert row(effect) == ("reconciled", {"receipt": 7}, "user", ALICE.id, "Seen at the bank.")
    assert effect.settled_at is not None
    run.refresh_from_db()
    assert (run.status, run.stop_reason) == ("queued", "")
    assert bells() == [str(run.id)]
    told = {"effect": str(effect.id), "tool": "pay", "decision": "happened", "by": "user", "id": str(ALICE.id)}
    assert last_events(run, 2) == [("effect.resolved", told), ("run.resumed", {})]
    assert len(history(run.id)) == 5


def test_it_did_not_happen(paying):
    run = parked(paying)
    effect = undecided(run)
    resolve_effect(paying.id, effect.id, decision=RUN, origin=ALICE)
    assert row(effect) == ("failed", None, "user", ALICE.id, "")
    assert Run.objects.get(id=run.id).status == "queued"
    epoch = claim()["lease_epoch"]
    assert one(INTEND, intent_row(run.id, epoch)) == {"held": True, "inserted": True}
    assert one(INTEND, intent_row(run.id, epoch)) == {"held": True, "inserted": False}, "once"


def test_stop(paying):
    run = parked(paying)
    effect = undecided(run)
    resolve_effect(paying.id, effect.id, decision=STOP, note="Too odd.", origin=ALICE)
    assert row(effect) == ("outcome_unknown", None, "user", ALICE.id, "Too odd.")
    run.refresh_from_db()
    assert (run.status, run.stop_reason) == ("cancelled", "cancelled_by")
    assert history(run.id)[-2:] == ["effect.resolved", "run.cancelled"]
    assert bells() == []


def test_a_run_goes_on_when_all_its_effects_are_decided(paying):
    run = parked(paying, "1/pay/a", "1/pay/b", "1/pay/c")
    for decision in (RUN, HAPPENED):
        given = {"result": {"receipt": 1}} if decision == HAPPENED else {}
        resolve_effect(paying.id, undecided(run).id, decision=decision, **given)
        assert (Run.objects.get(id=run.id).status, bells()) == ("waiting", [])
    resolve_effect(paying.id, undecided(run).id, decision=RUN)
    assert (Run.objects.get(id=run.id).status, bells()) == ("queued", [str(run.id)])


def test_a_stop_decides_for_the_whole_run(paying):
    run = parked(paying, "1/pay/a", "1/pay/b")
    resolve_effect(paying.id, undecided(run).id, decision=STOP)
    assert Run.objects.get(id=run.id).status == "cancelled"
    with pytest.raises(RunFinished):
        resolve_effect(paying.id, undecided(run).id, decision=RUN)


def test_one_decision_wins(paying):
    run = parked(paying)
    effect = undecided(run)
    resolve_effect(paying.id, effect.id, decision=RUN)
    before = row(effect)
    for second in (RUN, STOP):
        with pytest.raises(EffectDecided):
            resolve_effect(paying.id, effect.id, decision=second, origin=ALICE)
    assert row(effect) == before
    assert Run.objects.get(id=run.id).status == "queued"


def test_of_two_at_once_one_wins(paying):
    for _ in range(10):
        run = parked(paying)
        effect = undecided(run)
        answers = together(
            lambda e=effect: resolve_effect(paying.id, e.id, decision=HAPPENED, result={"receipt": 1}),
            lambda e=effect: resolve_effect(paying.id, e.id, decision=RUN),
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Effect", "EffectDecided"]
        assert history(run.id)[-2:] == ["effect.resolved", "run.resumed"]
        assert row(effect)[0] == ("reconciled" if isinstance(answers[0], Effect) else "failed")
        Run.objects.filter(id=run.id).update(status="cancelled")


def test_the_last_two_at_once_let_the_run_go_on_once(paying):
    for _ in range(10):
        run = parked(paying, "1/pay/a", "1/pay/b")
        first, second = Effect.objects.filter(run_id=run.id).order_by("id")
        answers = together(
            lambda e=first: resolve_effect(paying.id, e.id, decision=RUN),
            lambda e=second: resolve_effect(paying.id, e.id, decision=RUN),
        )
        assert [type(answer) for answer in answers] == [Effect, Effect]
        assert history(run.id).count("run.resumed") == 1
        assert Run.objects.get(id=run.id).status == "queued"
        Run.objects.filter(id=run.id).update(status="cancelled")


def test_a_decision_that_races_a_cancel_leaves_one_end(paying):
    for _ in range(10):
        run = parked(paying)
        effect = undecided(run)
        together(
            lambda r=run: cancel_run(paying.id, r.id), lambda e=effect: resolve_effect(paying.id, e.id, decision=RUN)
        )
        run.refresh_from_db()
        assert run.status in {"cancelled", "queued"}
        assert history(run.id)[-1] in {"run.cancelled", "run.resumed"}
        Run.objects.filter(id=run.id).update(status="cancelled")


@pytest.mark.parametrize(
    ("result", "pointer", "code"),
    [
        ({"receipt": "seven"}, "/result/receipt", "type"),
        ([], "/result", "type"),
        ({"receipt": float("nan")}, "/result", "not_json"),
    ],
)
def test_a_result_that_the_tool_could_not_have_returned_is_refused(paying, result, pointer, code):
    run = parked(paying)
    effect = undecided(run)
    with pytest.raises(InvalidRunInput) as refused:
        resolve_effect(paying.id, effect.id, decision=HAPPENED, result=result)
    assert [(fault.pointer, fault.code) for fault in refused.value.errors] == [(pointer, code)]
    assert (row(effect)[0], Run.objects.get(id=run.id).status) == ("outcome_unknown", "waiting")


def test_a_result_is_as_small_as_a_tools(paying, settings):
    settings.CEF_TOOL_RESULT_BYTES = 10
    effect = undecided(parked(paying))
    with pytest.raises(InvalidRunInput, match="10 are accepted"):
        resolve_effect(paying.id, effect.id, decision=HAPPENED, result={"receipt": 7})


def test_only_what_happened_has_a_result(paying):
    effect = undecided(parked(paying))
    for decision, given in ((HAPPENED, {}), (RUN, {"result": None}), (STOP, {"result": 1})):
        with pytest.raises(InvalidRunInput):
            resolve_effect(paying.id, effect.id, decision=decision, **given)


def test_null_is_a_result(paying):
    ToolVersion.objects.filter(tool__name="pay").update(output_schema=None)
    effect = undecided(parked(paying))
    resolve_effect(paying.id, effect.id, decision=HAPPENED, result=None)
    assert (row(effect)[0], bytes(effect.result)) == ("reconciled", b"null")


def test_a_tool_that_no_version_binds_may_have_returned_anything(support):
    effect = undecided(parked(support))
    resolve_effect(support.id, effect.id, decision=HAPPENED, result="whatever")
    assert row(effect)[:2] == ("reconciled", "whatever")


def test_of_another_workspace_there_is_nothing(paying, sales):
    effect = undecided(parked(paying))
    for workspace_id, effect_id in ((sales.id, effect.id), (paying.id, new_id())):
        with pytest.raises(EffectNotFound):
            resolve_effect(workspace_id, effect_id, decision=RUN)


@pytest.mark.parametrize("state", ["intent", "committed", "failed", "reconciled"])
def test_what_is_known_is_not_decided(paying, state):
    run = parked(paying)
    effect = undecided(run)
    Effect.objects.update(state=state)
    with pytest.raises(EffectNotOpen):
        resolve_effect(paying.id, effect.id, decision=RUN)


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
def test_a_run_that_is_worked_on_comes_to_its_wait_first(paying, status):
    run = parked(paying)
    Run.objects.update(status=status)
    for decision in (RUN, STOP):
        with pytest.raises(EffectNotOpen, match=status):
            resolve_effect(paying.id, undecided(run).id, decision=decision)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_the_books_of_a_run_that_is_over_can_be_set_right(paying, status):
    run = parked(paying)
    Run.objects.update(status=status)
    effect = undecided(run)
    with pytest.raises(RunFinished):
        resolve_effect(paying.id, effect.id, decision=RUN)
    resolve_effect(paying.id, effect.id, decision=HAPPENED, result={"receipt": 7})
    assert (row(effect)[0], Run.objects.get(id=run.id).status) == ("reconciled", status)
    assert history(run.id)[-1] == "effect.resolved"


def test_a_run_that_waits_for_something_else_goes_on_waiting(paying):
    run = parked(paying)
    Run.objects.update(stop_reason="")
    resolve_effect(paying.id, undecided(run).id, decision=RUN)
    assert (Run.objects.get(id=run.id).status, bells()) == ("waiting", [])


def test_a_note_that_postgresql_cannot_hold_is_made_storable(paying):
    effect = undecided(parked(paying))
    resolve_effect(paying.id, effect.id, decision=RUN, note="a\x00b\ud800" + "x" * 5000)
    assert row(effect)[4].startswith("a\ufffdb?x")
    assert len(row(effect)[4]) == 4000


def test_a_result_is_not_kept_where_retention_has_taken_the_payloads(paying):
    run = parked(paying)
    Run.objects.filter(id=run.id).update(status=RunStatus.CANCELLED, payloads_removed_at=Now())
    effect = undecided(run)
    with pytest.raises(PayloadsRemoved):
        resolve_effect(paying.id, effect.id, decision=HAPPENED, result={"receipt": 7})
    assert row(effect)[:2] == ("outcome_unknown", None)
    resolve_effect(paying.id, effect.id, decision=STOP)
    assert effect.state == "outcome_unknown"
