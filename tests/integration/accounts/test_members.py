"""Who joins, rises, falls and leaves; nobody above themselves, and never the last owner."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.accounts import services
from apps.accounts.exceptions import LastOwner
from apps.accounts.models import Membership, ServiceAccount, User, Workspace
from apps.accounts.permissions import Role
from tests.integration.accounts.people import browser, join, key_of, make_user, make_workspace

MEMBERS = "/api/v1/members"


def test_it_works(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    added = client.post(MEMBERS, {"email": "Dora@Example.org", "role": "operator"}, format="json")
    assert added.status_code == 201
    member = added.json()
    assert (member["email"], member["role"]) == ("dora@example.org", "operator")
    changed = client.patch(f"{MEMBERS}/{member['id']}", {"role": "builder"}, format="json")
    assert (changed.status_code, changed.json()["role"]) == (200, "builder")
    listed = client.get(MEMBERS).json()["data"]
    assert {(one["email"], one["role"]) for one in listed} == {
        ("alice@example.org", "owner"),
        ("dora@example.org", "builder"),
    }
    assert client.delete(f"{MEMBERS}/{member['id']}").status_code == 204
    assert Membership.objects.filter(workspace=support).count() == 1


def test_whoever_has_no_account_gets_one_without_a_password(support: Workspace, alice: User, charlie: User) -> None:
    client = browser(alice, support)
    answers = [
        client.post(MEMBERS, {"email": email, "role": "viewer"}, format="json")
        for email in ("charlie@example.org", "nobody@example.org")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert not User.objects.get(email="nobody@example.org").has_usable_password()


def test_adding_twice_is_a_conflict(support: Workspace, alice: User, bob_in_support: Membership) -> None:
    answer = browser(alice, support).post(MEMBERS, {"email": "bob@example.org", "role": "owner"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_member")
    bob_in_support.refresh_from_db()
    assert bob_in_support.role == "builder"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "no", "role": "viewer"}, "/email"),
        ({"email": "x@example.org", "role": "god"}, "/role"),
        ({"email": "x@example.org", "role": "viewer", "is_staff": True}, "/is_staff"),
        ({"role": "viewer"}, "/email"),
    ],
)
def test_a_bad_body_is_refused_with_its_place(support: Workspace, alice: User, body: object, pointer: str) -> None:
    answer = browser(alice, support).post(MEMBERS, body, format="json")
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert User.objects.count() == 1


def test_an_admin_cannot_make_or_touch_an_owner(support: Workspace, alice: User, bob: User) -> None:
    bobs = join(support, bob, Role.ADMIN)
    client = browser(bob, support)
    alices = Membership.objects.get(user=alice)
    refusals = [
        client.post(MEMBERS, {"email": "dora@example.org", "role": "owner"}, format="json"),
        client.patch(f"{MEMBERS}/{bobs.pk}", {"role": "owner"}, format="json"),
        client.patch(f"{MEMBERS}/{alices.pk}", {"role": "viewer"}, format="json"),
        client.delete(f"{MEMBERS}/{alices.pk}"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refusals] == [(403, "role_too_high")] * 4
    assert dict(Membership.objects.values_list("user__email", "role")) == {
        "alice@example.org": "owner",
        "bob@example.org": "admin",
    }


@pytest.mark.parametrize("role", [Role.BUILDER, Role.OPERATOR, Role.VIEWER])
def test_lower_roles_manage_nobody(support: Workspace, bob: User, role: Role) -> None:
    mine = join(support, bob, role)
    client = browser(bob, support)
    answers = [
        client.get(MEMBERS),
        client.post(MEMBERS, {"email": "dora@example.org", "role": "viewer"}, format="json"),
        client.patch(f"{MEMBERS}/{mine.pk}", {"role": "owner"}, format="json"),
        client.delete(f"{MEMBERS}/{mine.pk}"),
    ]
    assert [(answer.status_code, answer.json()["needed"]) for answer in answers] == [(403, "members:manage")] * 4


def test_the_last_owner_stays(support: Workspace, alice: User, bob_in_support: Membership) -> None:
    client = browser(alice, support)
    mine = Membership.objects.get(user=alice)
    refusals = [
        client.patch(f"{MEMBERS}/{mine.pk}", {"role": "admin"}, format="json"),
        client.delete(f"{MEMBERS}/{mine.pk}"),
        client.post("/api/v1/workspaces/current/leave"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refusals] == [(409, "last_owner")] * 3
    services.change_role(bob_in_support, role=Role.OWNER)
    assert client.post("/api/v1/workspaces/current/leave").status_code == 204
    assert list(Membership.objects.values_list("user__email", flat=True)) == ["bob@example.org"]


def test_a_service_account_that_owns_is_no_owner_to_stay(support: Workspace, alice: User) -> None:
    services.create_service_account(support, name="Root", role=Role.OWNER)
    with pytest.raises(LastOwner):
        services.remove_member(Membership.objects.get(user=alice))


def test_a_member_may_leave_but_not_by_key(support: Workspace, bob: User, bob_in_support: Membership) -> None:
    key = key_of(bob_in_support)
    answer = browser(bob, support).post(
        "/api/v1/workspaces/current/leave", headers={"Authorization": f"Bearer {key.text}"}
    )
    assert answer.status_code == 403
    assert browser(bob, support).post("/api/v1/workspaces/current/leave").status_code == 204
    assert not Membership.objects.filter(user=bob).exists()


def test_another_workspaces_member_does_not_exist_for_us(support: Workspace, sales: Workspace, alice: User) -> None:
    foreign = Membership.objects.get(workspace=sales)
    client = browser(alice, support)
    for member_id in (str(foreign.pk), "0199f0a2-1f7c-7b1e-9d55-3c1f6f1e2a10", "not-an-id"):
        answers = [
            client.patch(f"{MEMBERS}/{member_id}", {"role": "viewer"}, format="json"),
            client.delete(f"{MEMBERS}/{member_id}"),
        ]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "membership_not_found")] * 2
    foreign.refresh_from_db()
    assert foreign.role == "owner"


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_step_down_at_once_leave_one() -> None:
    first = make_user("first")
    workspace = make_workspace("team", first)
    join(workspace, make_user("second"), Role.OWNER)
    both = list(Membership.objects.filter(workspace=workspace))
    together = threading.Barrier(2)

    def step_down(membership: Membership) -> str:
        together.wait(timeout=10)
        try:
            services.change_role(membership, role=Role.ADMIN)
        except LastOwner:
            return "kept"
        finally:
            connection.close()
        return "stepped down"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(step_down, both)) == ["kept", "stepped down"]
    assert Membership.objects.filter(workspace=workspace, role=Role.OWNER).count() == 1


def test_removing_a_service_account_removes_its_keys_too(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    made = client.post("/api/v1/service-accounts", {"name": "Importer", "role": "operator"}, format="json")
    assert made.status_code == 201
    account = ServiceAccount.objects.get()
    key_of(account.membership)
    path = f"/api/v1/service-accounts/{made.json()['id']}"
    assert client.patch(path, {"role": "viewer"}, format="json").json()["role"] == "viewer"
    assert client.get("/api/v1/service-accounts").json()["data"][0]["name"] == "Importer"
    assert client.get(MEMBERS).json()["data"][0]["email"] == "alice@example.org"
    assert client.delete(path).status_code == 204
    assert not ServiceAccount.objects.exists()
    assert Membership.objects.count() == 1


def test_a_service_accounts_name_is_taken_once_per_workspace(support: Workspace, sales: Workspace, alice: User) -> None:
    services.create_service_account(sales, name="Importer", role=Role.VIEWER)
    client = browser(alice, support)
    body = {"name": "Importer", "role": "viewer"}
    assert client.post("/api/v1/service-accounts", body, format="json").status_code == 201
    answer = client.post("/api/v1/service-accounts", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_an_email_is_one_person_whatever_its_case(db: None) -> None:
    make_user("Dora")
    assert User.objects.get().email == "dora@example.org"
    assert User.objects.get_by_natural_key(" DORA@example.org").email == "dora@example.org"
