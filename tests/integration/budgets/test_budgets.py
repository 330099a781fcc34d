"""What a month or a tree of runs may spend: reserved before each call, settled with its step, never passed."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.core.exceptions import InvalidInput
from apps.core.ids import new_id
from apps.runs.budget_statements import GIVE_BACK, RESERVE
from apps.runs.limits import Limits
from apps.runs.models import Account, Budget, Reservation, Run
from apps.runs.services import RunRequest, create_run, erase_run, resume_run
from apps.runs.services.budgets import descendants_accounts, remove_budget, set_budget
from apps.runs.spending import budget_json
from apps.runs.states import RunStatus
from tests.integration.engine import toolbox
from tests.integration.engine.following import ended, outcome
from tests.integration.runs.world import claim, finish, make_agent, make_model
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = {"text": "Done.", "usage": {"input_tokens": 100, "output_tokens": 10}}
CALCULATOR = [{"name": "calculator"}]


def docs(workspace: Workspace, script: Any, *, price: Decimal | None = None, **definition: Any) -> None:
    """The agent `docs`, whose answers have at most 50 tokens."""
    model = make_model(workspace, script, input_price=price, output_price=price)
    make_agent(workspace, model=str(model), settings={"max_tokens": 50}, **definition)


def submit(workspace: Workspace, **fields: Any) -> Run:
    return create_run(workspace.id, RunRequest(agent="docs", input="go", **fields))


def account(workspace: Workspace) -> Account:
    return Account.objects.get(subject_id=workspace.id)


def execute(statement: str, row: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, row)


def test_it_works(support, host):
    docs(support, [ANSWER], price=Decimal(1000))
    set_budget(support.id, token_limit=1_000, usd_limit=Decimal(2))
    ended(submit(support))
    month = account(support)
    assert (month.tokens_spent, month.usd_spent) == (110, Decimal("0.11"))
    assert (month.tokens_reserved, month.usd_reserved, Reservation.objects.count()) == (0, 0, 0)
    assert budget_json(support.id) | {"month": None} == {
        "month": None,
        "token_limit": 1_000,
        "usd_limit": "2",
        "tokens_spent": 110,
        "usd_spent": "0.11",
        "tokens_reserved": 0,
        "usd_reserved": "0",
    }


def test_a_call_that_may_cost_more_than_is_left_is_not_made(support, host):
    docs(support, [ANSWER])
    set_budget(support.id, token_limit=115)
    assert outcome(submit(support)) == ("succeeded", "completed", "")
    refused = submit(support)
    assert outcome(refused) == ("failed", "budget_exceeded", "budget_exceeded")
    assert refused.error_detail == "The next model call may cost more than is left of a budget."
    assert (refused.model_calls, account(support).tokens_spent, Reservation.objects.count()) == (0, 110, 0)


def test_many_at_once_stay_below_the_limit(support, host):
    """Each costs 52 of the 1,050 tokens, and takes so long that all would be under way at once."""
    docs(support, [{"text": "Done.", "latency_s": 0.1, "usage": {"input_tokens": 2, "output_tokens": 50}}])
    set_budget(support.id, token_limit=1_050)
    outcomes = [outcome(run)[0] for run in [submit(support) for _ in range(40)]]
    spent = account(support).tokens_spent
    assert spent == 52 * outcomes.count("succeeded")
    assert 0 < spent <= 1_050
    assert outcomes.count("succeeded") + outcomes.count("failed") == 40
    assert Reservation.objects.count() == 0


def test_what_the_month_has_cost_before_counts(support, host):
    docs(support, [ANSWER])
    ended(submit(support))
    set_budget(support.id, token_limit=1_000)
    assert account(support).tokens_spent == 110


def test_a_higher_limit_holds_at_once(support, host):
    docs(support, [ANSWER])
    set_budget(support.id, token_limit=10)
    assert outcome(submit(support))[0] == "failed"
    set_budget(support.id, token_limit=1_000)
    assert outcome(submit(support))[0] == "succeeded"
    assert Budget.objects.get().token_limit == 1_000


def test_without_a_budget_nothing_is_booked(support, host):
    docs(support, [ANSWER])
    set_budget(support.id, token_limit=10)
    remove_budget(support.id)
    assert outcome(submit(support))[0] == "succeeded"
    assert (Account.objects.count(), Budget.objects.count()) == (0, 0)


def test_a_reservation_is_given_back_when_the_call_fails(support, host):
    docs(support, [{"error": {"status": 400}}])
    set_budget(support.id, token_limit=1_000)
    assert outcome(submit(support))[0] == "failed"
    eventually(lambda: not Reservation.objects.exists())
    assert (account(support).tokens_reserved, account(support).tokens_spent) == (0, 0)


def test_descendants_spend_from_what_their_ancestor_may(support, host):
    docs(support, [{"tool_calls": [{"name": "calculator", "args": {"expression": "1"}}]}, ANSWER], tools=CALCULATOR)
    parent = submit(support, limits=Limits(tokens=300))
    ended(parent)
    accounts = descendants_accounts(parent)
    assert descendants_accounts(parent) == accounts
    parent.refresh_from_db()
    assert parent.account_ids == accounts
    tree = Account.objects.get(id=accounts[0])
    assert (tree.token_limit, tree.tokens_spent) == (300, parent.input_tokens + parent.output_tokens)


def test_a_tree_never_spends_more_than_its_root_may(support, hosts):
    docs(support, [{"text": "Done.", "latency_s": 0.1, "usage": {"input_tokens": 2, "output_tokens": 50}}])
    first = hosts.start()
    root = ended(submit(support, limits=Limits(tokens=500)))
    hosts.stop(first)
    accounts = descendants_accounts(root)
    children = [submit(support) for _ in range(20)]
    Run.objects.filter(id__in=[child.id for child in children]).update(account_ids=accounts)
    hosts.start()
    outcomes = [outcome(child)[0] for child in children]
    spent = Account.objects.get(id=accounts[0]).tokens_spent
    assert spent == 52 * (1 + outcomes.count("succeeded"))
    assert 200 < spent <= 500


def test_limits_of_a_resumed_run_are_those_of_its_tree(support, hosts):
    """The account that its children opened does not keep it at the ceiling that it was resumed to pass."""
    first = hosts.start()
    docs(support, [{"tool_calls": [{"name": "calculator", "args": {"expression": "1"}}]}, ANSWER], tools=CALCULATOR)
    parent = submit(support, limits=Limits(tokens=60))
    assert outcome(parent)[:2] == ("failed", "budget_exceeded")
    hosts.stop(first)
    [tree] = descendants_accounts(parent)
    resume_run(support.id, parent.id, limits=Limits(tokens=1_000))
    assert Account.objects.values_list("token_limit", "usd_limit").get(id=tree) == (1_000, None)
    hosts.start()
    assert ended(parent).status == "succeeded"


@pytest.mark.parametrize("limits", [{}, {"token_limit": 0}, {"usd_limit": Decimal(-1)}])
def test_ceilings_are_above_zero(support, limits):
    with pytest.raises(InvalidInput):
        set_budget(support.id, **limits)
    assert Budget.objects.count() == 0


def test_what_was_set_aside_for_a_run_that_is_erased_at_once_is_given_back(support):
    docs(support, [ANSWER])
    set_budget(support.id, token_limit=1_000)
    run = submit(support)
    epoch = claim()["lease_epoch"]
    line = {"id": new_id(), "account": account(support).id, "run": run.id, "epoch": epoch, "tokens": 60, "usd": 0}
    execute(RESERVE, line)
    execute(GIVE_BACK)
    assert (account(support).tokens_reserved, Reservation.objects.count()) == (60, 1)
    finish(run, RunStatus.FAILED)
    erase_run(support.id, run.id)
    execute(GIVE_BACK)
    assert (account(support).tokens_reserved, Reservation.objects.count()) == (0, 0)


def test_a_budget_holds_for_runs_that_are_under_way(support, tools, host):
    """One that spends too much is what a budget is set for."""
    turn = {"tool_calls": [{"name": "wait"}], "usage": {"input_tokens": 100, "output_tokens": 10}}
    docs(support, [turn, ANSWER], tools=[{"name": "wait"}])
    run = submit(support)
    eventually(lambda: toolbox.calls["wait"])
    set_budget(support.id, token_limit=120)
    toolbox.gate.set()
    assert outcome(run) == ("failed", "budget_exceeded", "budget_exceeded")
    assert (run.model_calls, account(support).tokens_spent) == (1, 110)
    remove_budget(support.id)
    resume_run(support.id, run.id)
    assert (outcome(run)[0], run.model_calls) == ("succeeded", 2)
