"""The ledger of effects over REST, and a person's word on a call of which nobody knows how it ended."""

from uuid import UUID

import pytest

from apps.accounts.permissions import Role
from apps.core.ids import new_id
from apps.runs.models import Effect, Run
from apps.runs.statements import INTEND, MOVE, RECORD_EFFECT_STEP
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import claim, intent_row, one, set_up_run, step_row
from workers.engine.outcome import Holder, stopped
from workers.engine.stops import OutcomeUnknown


@pytest.fixture
def run(support) -> Run:
    """Waits for a decision about one call; another has been recorded."""
    run = set_up_run(support)
    claim()
    one(INTEND, intent_row(run.id, key="1/pay/a"))
    told = {"kind": "tool", "name": "pay", "model_calls": 0, "result": b'{"result":{"receipt":7},"kind":"tool_return"}'}
    one(RECORD_EFFECT_STEP, step_row(run.id, 1, "1/pay/a", **told))
    one(INTEND, intent_row(run.id, key="1/pay/b"))
    move = stopped(Holder(run.id, 1), OutcomeUnknown("Who knows?"))
    assert one(MOVE, move.parameters()) is not None
    return run


def undecided() -> Effect:
    return Effect.objects.get(state="outcome_unknown")


def url(run: Run, effect: Effect | UUID | None = None) -> str:
    place = f"/api/v1/runs/{run.id}/effects"
    return place if effect is None else f"{place}/{getattr(effect, 'id', effect)}/resolve"


def test_it_works(client, run):
    body = client.get(url(run)).json()
    assert (body["has_more"], len(body["data"])) == (False, 2)
    first, second = body["data"]
    assert {name: first[name] for name in ("tool", "state", "undecided", "arguments", "result", "step", "attempt")} == {
        "tool": "pay",
        "state": "committed",
        "undecided": False,
        "arguments": {"amount": 7},
        "result": {"receipt": 7},
        "step": 1,
        "attempt": 1,
    }
    assert {name: second[name] for name in ("state", "undecided", "result", "late_result", "step", "decided_by")} == {
        "state": "outcome_unknown",
        "undecided": True,
        "result": None,
        "late_result": None,
        "step": None,
        "decided_by": None,
    }
    assert client.get(url(run), {"limit": 1}).json()["has_more"] is True


def test_a_late_result_is_shown(client, run):
    Effect.objects.filter(id=undecided().id).update(late_result=b'{"result":"paid","kind":"tool_return"}')
    assert client.get(url(run)).json()["data"][1]["late_result"] == "paid"


def test_it_happened(client, run, alice):
    effect = undecided()
    body = {"decision": "happened", "result": {"receipt": 8}, "note": "Seen at the bank."}
    answer = client.post(url(run, effect), body)
    assert answer.status_code == 200, answer.json()
    told = answer.json()
    assert (told["id"], told["state"], told["undecided"], told["result"]) == (
        str(effect.id),
        "reconciled",
        False,
        {"receipt": 8},
    )
    assert (told["decided_by"], told["note"]) == ({"kind": "user", "id": str(alice.id)}, "Seen at the bank.")
    assert told["settled_at"] is not None
    assert client.get(f"/api/v1/runs/{run.id}").json()["status"] == "queued"


@pytest.mark.parametrize(
    ("decision", "state", "status"), [("run", "failed", "queued"), ("stop", "outcome_unknown", "cancelled")]
)
def test_other_decisions(client, run, decision, state, status):
    answer = client.post(url(run, undecided()), {"decision": decision})
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert client.get(f"/api/v1/runs/{run.id}").json()["status"] == status


def test_the_second_decision_is_refused(client, run):
    effect = undecided()
    assert client.post(url(run, effect), {"decision": "run"}).status_code == 200
    problem(client.post(url(run, effect), {"decision": "stop"}), 409, "effect_decided")


def test_a_key_makes_one_decision_of_two_tries(client, run):
    effect, headers = undecided(), {"Idempotency-Key": "decide-1"}
    first = client.post(url(run, effect), {"decision": "run"}, headers=headers)
    again = client.post(url(run, effect), {"decision": "run"}, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert again["Idempotent-Replayed"] == "true"


def test_what_is_known_is_not_decided(client, run):
    problem(client.post(url(run, Effect.objects.get(state="committed")), {"decision": "run"}), 409, "effect_not_open")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/decision"),
        ({"decision": "perhaps"}, "/decision"),
        ({"decision": "happened"}, "/result"),
        ({"decision": "run", "result": 1}, "/result"),
        ({"decision": "stop", "why": "odd"}, "/why"),
    ],
)
def test_what_cannot_be_understood(client, run, body, pointer):
    refusal = client.post(url(run, undecided()), body)
    assert refusal.status_code == 422
    assert list(pointers(refusal.json())) == [pointer]
    assert Effect.objects.filter(id=undecided().id).exists()


def test_null_is_a_result(client, run):
    answer = client.post(url(run, undecided()), {"decision": "happened", "result": None})
    assert (answer.status_code, answer.json()["state"], answer.json()["result"]) == (200, "reconciled", None)


def test_who_may_only_read_decides_nothing(bob, run):
    viewer = bob(Role.VIEWER)
    assert viewer.get(url(run)).status_code == 200
    problem(viewer.post(url(run, undecided()), {"decision": "run"}), 403, "permission_denied")
    assert bob(Role.OPERATOR).post(url(run, undecided()), {"decision": "run"}).status_code == 200


def test_another_workspace_sees_nothing(stranger, run):
    problem(stranger.get(url(run)), 404, "run_not_found")
    problem(stranger.post(url(run, undecided()), {"decision": "run"}), 404, "effect_not_found")


def test_an_effect_belongs_to_its_run(client, run, support):
    other = set_up_run(support)
    problem(client.post(url(other, undecided()), {"decision": "run"}), 404, "effect_not_found")
    problem(client.post(url(run, new_id()), {"decision": "run"}), 404, "effect_not_found")
    assert client.get(url(other)).json()["data"] == []
