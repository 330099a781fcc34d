"""An API key opens its workspace, for as long and as far as it should."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from apps.accounts import keys, services
from apps.accounts.authentication import authenticate_key
from apps.accounts.exceptions import InvalidKey
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.permissions import Permission, Role
from tests.integration.accounts.people import bearer, browser, key_of

ME = "/api/v1/me"


def test_it_works(support: Workspace, bob: User, bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support, Permission.RUNS_READ)
    answer = bearer(issued.text).get(ME)
    assert answer.status_code == 200
    assert answer.json() == {
        "kind": "user",
        "id": str(bob.pk),
        "name": "bob@example.org",
        "workspace_id": str(support.pk),
        "role": "builder",
        "permissions": ["runs:read"],
        "key_id": issued.key.pk,
        "workspaces": [{"id": str(support.pk), "slug": "support", "name": "Support", "role": "builder"}],
    }


def test_only_a_keyed_hash_is_stored(bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support)
    token = keys.parse(issued.text)
    assert token is not None
    row = str(ApiKey.objects.filter(pk=token.id).values().get())
    assert token.secret not in row
    assert issued.text not in repr(issued)


def test_without_a_credential_the_answer_is_401(db: None) -> None:
    answer = bearer("").get(ME)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Content-Type"] == "application/problem+json"


def test_a_mistyped_key_costs_no_query(bob_in_support: Membership) -> None:
    text = key_of(bob_in_support).text
    with CaptureQueriesContext(connection) as queries:
        answer = bearer(text[:-1] + ("a" if text[-1] != "a" else "b")).get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")
    assert len(queries) == 0


def test_a_key_that_never_was_and_one_with_another_secret_answer_alike(bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support)
    stranger = keys.new_token()
    forged = keys.Token(issued.key.pk, stranger.secret)
    answers = [bearer(text).get(ME) for text in (stranger.text, forged.text)]
    assert {answer.status_code for answer in answers} == {401}
    bodies = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
    assert bodies[0] == bodies[1]


def test_another_bearer_token_is_not_overlooked_in_favour_of_the_cookie(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    assert client.get(ME).status_code == 200
    client.credentials(HTTP_AUTHORIZATION="Bearer eyJhbGciOiJub25lIn0.e30.")
    assert client.get(ME).status_code == 401


def test_authentication_is_one_query_and_records_its_use_once_a_minute(bob_in_support: Membership) -> None:
    text = key_of(bob_in_support).text
    with CaptureQueriesContext(connection) as first:
        authenticate_key(text)
    with CaptureQueriesContext(connection) as second:
        authenticate_key(text)
    assert (len(first), len(second)) == (2, 1)
    assert first[1]["sql"].startswith("UPDATE")
    ApiKey.objects.update(last_used_at=Now() - timedelta(seconds=61))
    with CaptureQueriesContext(connection) as later:
        authenticate_key(text)
    assert len(later) == 2
    assert ApiKey.objects.filter(last_used_at__gt=Now() - timedelta(seconds=30)).count() == 1


def test_a_revoked_key_is_told_so(bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support)
    services.revoke_api_key(issued.key)
    answer = bearer(issued.text).get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_revoked")


def test_an_expired_key_is_told_so_by_the_databases_clock(bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support)
    ApiKey.objects.update(expires_at=Now() - timedelta(milliseconds=1))
    answer = bearer(issued.text).get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_expired")
    ApiKey.objects.update(expires_at=F("expires_at") + timedelta(minutes=1))
    assert bearer(issued.text).get(ME).status_code == 200


def test_a_demotion_narrows_the_keys_at_once(bob_in_support: Membership) -> None:
    text = key_of(bob_in_support, Permission.RUNS_READ, Permission.AGENTS_WRITE).text
    assert bearer(text).get(ME).json()["permissions"] == ["agents:write", "runs:read"]
    services.change_role(bob_in_support, role=Role.VIEWER)
    assert bearer(text).get(ME).json()["permissions"] == ["runs:read"]


def test_a_promotion_does_not_widen_a_key(bob_in_support: Membership) -> None:
    text = key_of(bob_in_support, Permission.RUNS_READ).text
    services.change_role(bob_in_support, role=Role.OWNER)
    assert bearer(text).get(ME).json()["permissions"] == ["runs:read"]


def test_a_removed_members_key_is_dead(bob_in_support: Membership) -> None:
    text = key_of(bob_in_support).text
    services.remove_member(bob_in_support)
    assert bearer(text).get(ME).status_code == 401


def test_a_deactivated_persons_key_is_dead(bob: User, bob_in_support: Membership) -> None:
    text = key_of(bob_in_support).text
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert bearer(text).get(ME).status_code == 401


def test_scopes_written_into_the_row_by_hand_give_nothing_that_keys_may_not_have(
    support: Workspace, alice: User
) -> None:
    owner = Membership.objects.get(user=alice)
    issued = key_of(owner, Permission.RUNS_READ)
    ApiKey.objects.update(scopes=["members:manage", "keys:manage", "platform:operate", "runs:read", "no:such"])
    assert authenticate_key(issued.text).principal.permissions == {Permission.RUNS_READ}


def test_the_header_may_name_the_keys_own_workspace_and_no_other(
    support: Workspace, sales: Workspace, bob_in_support: Membership
) -> None:
    client = bearer(key_of(bob_in_support).text)
    for own in (support.slug, str(support.pk)):
        assert client.get(ME, headers={"CEF-Workspace": own}).status_code == 200
    for foreign in (sales.slug, str(sales.pk), "no-such", str(uuid.uuid4())):
        answer = client.get(ME, headers={"CEF-Workspace": foreign})
        assert (answer.status_code, answer.json()["code"]) == (403, "workspace_mismatch")


def test_a_service_accounts_key_acts_as_the_service_account(support: Workspace) -> None:
    account = services.create_service_account(support, name="Importer", role=Role.OPERATOR)
    body = bearer(key_of(account.membership).text).get(ME).json()
    assert (body["kind"], body["id"], body["name"]) == ("service_account", str(account.pk), "Importer")
    assert "runs:write" in body["permissions"]
    assert "keys:manage" not in body["permissions"]


def test_a_changed_pepper_ends_every_key_made_with_it(settings: Settings, bob_in_support: Membership) -> None:
    text = key_of(bob_in_support).text
    settings.CEF_API_KEY_PEPPER = "another"
    with pytest.raises(InvalidKey):
        authenticate_key(text)
    settings.CEF_API_KEY_PEPPER = "another,"  # the old one is not in the list either
    with pytest.raises(InvalidKey):
        authenticate_key(text)
