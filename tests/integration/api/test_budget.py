"""The budget over REST: who manages the workspace sets it, everybody in it may look."""

from decimal import Decimal

from apps.accounts.permissions import Role
from apps.runs.models import Budget
from tests.integration.api.problems import problem

URL = "/api/v1/budget"


def test_it_works(client, support):
    nothing = client.get(URL).json()
    assert (nothing["token_limit"], nothing["usd_limit"], nothing["tokens_spent"]) == (None, None, 0)
    answer = client.put(URL, {"token_limit": 1000, "usd_limit": "2.50"}, format="json")
    assert (answer.status_code, answer.json()["token_limit"], answer.json()["usd_limit"]) == (200, 1000, "2.5")
    assert client.get(URL).json() == answer.json()
    client.put(URL, {"token_limit": 2000}, format="json")
    assert list(Budget.objects.values_list("workspace_id", "token_limit", "usd_limit")) == [(support.id, 2000, None)]
    assert client.delete(URL).status_code == 204
    assert not Budget.objects.exists()


def test_refusals(client, bob):
    problem(client.put(URL, {}, format="json"), 422, "invalid_input")
    problem(client.put(URL, {"token_limit": 0}, format="json"), 422, "invalid_input")
    problem(client.put(URL, {"usd_limit": "0"}, format="json"), 422, "invalid_input")
    problem(client.put(URL, {"tokens": 7}, format="json"), 422, "invalid_input")
    assert bob(Role.VIEWER).get(URL).status_code == 200
    problem(bob(Role.BUILDER).put(URL, {"token_limit": 1}, format="json"), 403, "permission_denied")
    assert not Budget.objects.exists()


def test_another_workspaces_budget_is_its_own(client, stranger, sales):
    client.put(URL, {"usd_limit": "1"}, format="json")
    assert stranger.get(URL).json()["usd_limit"] is None
    stranger.delete(URL)
    assert Budget.objects.get().usd_limit == Decimal(1)
