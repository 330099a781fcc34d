"""Making, listing and revoking API keys."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.permissions import Permission, Role
from apps.core.exceptions import InvalidInput
from tests.integration.accounts.people import bearer, browser, join, key_of

KEYS = "/api/v1/api-keys"


def test_it_works_and_shows_the_key_once(support: Workspace, bob: User, bob_in_support: Membership) -> None:
    client = browser(bob, support)
    answer = client.post(KEYS, {"name": "CI", "scopes": ["runs:read", "runs:write"]}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert bearer(body["key"]).get("/api/v1/me").json()["permissions"] == ["runs:read", "runs:write"]
    listed = client.get(KEYS).json()["data"]
    assert [key["id"] for key in listed] == [body["id"]]
    assert "key" not in listed[0]
    assert body["key"] not in client.get(KEYS).content.decode()
    in_90_days = timezone.now() + timedelta(days=90)
    assert abs(ApiKey.objects.get().expires_at - in_90_days) < timedelta(minutes=1)


def test_without_scopes_a_key_may_what_its_owner_may(support: Workspace, bob: User) -> None:
    join(support, bob, Role.VIEWER)
    issued = key_of(Membership.objects.get(user=bob))
    assert issued.key.scopes == sorted(p.value for p in Permission if p.value.endswith(":read"))


@pytest.mark.parametrize("scope", ["providers:write", "workspace:manage"])
def test_a_scope_beyond_the_role_is_refused(
    support: Workspace, bob: User, bob_in_support: Membership, scope: str
) -> None:
    answer = browser(bob, support).post(KEYS, {"name": "CI", "scopes": ["runs:read", scope]}, format="json")
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [("/scopes", "scope_too_wide")]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "scopes", [["keys:manage"], ["members:manage"], ["platform:operate"], ["all"], [], "runs:read"]
)
def test_scopes_that_no_key_has_are_refused(support: Workspace, alice: User, scopes: object) -> None:
    answer = browser(alice, support).post(KEYS, {"name": "CI", "scopes": scopes}, format="json")
    assert answer.status_code == 422
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("days", [0, -1, 366, 10**9, "x"])
def test_a_lifetime_is_between_a_day_and_a_year(support: Workspace, alice: User, days: object) -> None:
    answer = browser(alice, support).post(KEYS, {"name": "CI", "expires_in_days": days}, format="json")
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/expires_in_days"]


def test_the_service_keeps_the_limit_too(support: Workspace, alice: User) -> None:
    with pytest.raises(InvalidInput):
        key_of(Membership.objects.get(user=alice), lifetime=timedelta(days=366))
    assert not ApiKey.objects.exists()


def test_a_viewer_makes_no_keys(support: Workspace, bob: User) -> None:
    join(support, bob, Role.VIEWER)
    assert browser(bob, support).post(KEYS, {"name": "CI"}, format="json").status_code == 403


def test_a_key_makes_no_keys_and_sees_none(support: Workspace, alice: User) -> None:
    client = bearer(key_of(Membership.objects.get(user=alice)).text)
    answers = [client.post(KEYS, {"name": "more"}, format="json"), client.get(KEYS), client.get("/api/v1/members")]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert ApiKey.objects.count() == 1


def test_others_keys_are_not_mine(support: Workspace, alice: User, bob: User, bob_in_support: Membership) -> None:
    alices = key_of(Membership.objects.get(user=alice)).key
    bobs = key_of(bob_in_support).key
    assert [key["id"] for key in browser(bob, support).get(KEYS).json()["data"]] == [bobs.pk]
    answer = browser(bob, support).post(f"{KEYS}/{alices.pk}/revoke")
    assert (answer.status_code, answer.json()["code"]) == (404, "api_key_not_found")
    assert {key["id"] for key in browser(alice, support).get(KEYS).json()["data"]} == {alices.pk, bobs.pk}
    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()


def test_who_manages_members_revokes_theirs(support: Workspace, alice: User, bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support)
    answer = browser(alice, support).post(f"{KEYS}/{issued.key.pk}/revoke")
    first = answer.json()["revoked_at"]
    assert (answer.status_code, first is not None) == (200, True)
    assert browser(alice, support).post(f"{KEYS}/{issued.key.pk}/revoke").json()["revoked_at"] == first
    assert bearer(issued.text).get("/api/v1/me").status_code == 401


def test_an_admin_does_not_revoke_an_owners_key(support: Workspace, alice: User, bob: User) -> None:
    join(support, bob, Role.ADMIN)
    owners = key_of(Membership.objects.get(user=alice)).key
    answer = browser(bob, support).post(f"{KEYS}/{owners.pk}/revoke")
    assert (answer.status_code, answer.json()["code"]) == (403, "role_too_high")


def test_service_accounts_get_keys_from_who_manages_members(support: Workspace, alice: User, bob: User) -> None:
    account = services.create_service_account(support, name="Importer", role=Role.OPERATOR)
    body = {"name": "nightly", "service_account_id": str(account.pk), "scopes": ["runs:write"]}
    answer = browser(alice, support).post(KEYS, body, format="json")
    assert (answer.status_code, answer.json()["service_account_id"]) == (201, str(account.pk))
    join(support, bob, Role.BUILDER)
    assert browser(bob, support).post(KEYS, body, format="json").status_code == 403
    assert ApiKey.objects.count() == 1


def test_an_admin_makes_no_key_for_a_service_account_that_owns(support: Workspace, bob: User) -> None:
    account = services.create_service_account(support, name="Root", role=Role.OWNER)
    join(support, bob, Role.ADMIN)
    body = {"name": "climb", "service_account_id": str(account.pk)}
    answer = browser(bob, support).post(KEYS, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "role_too_high")


def test_another_workspaces_service_account_does_not_exist_for_us(
    support: Workspace, sales: Workspace, alice: User
) -> None:
    account = services.create_service_account(sales, name="Importer", role=Role.OPERATOR)
    body = {"name": "x", "service_account_id": str(account.pk)}
    answer = browser(alice, support).post(KEYS, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "service_account_not_found")


def test_trying_again_with_the_same_idempotency_key_makes_one_key(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    answers = [client.post(KEYS, {"name": "CI"}, format="json", headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert ApiKey.objects.count() == 1
