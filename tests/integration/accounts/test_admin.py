"""The pages of the admin about access, and what their buttons do."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from apps.accounts import services
from apps.accounts.models import ApiKey, Membership, PlatformState, ServiceAccount, User, Workspace
from apps.accounts.permissions import Permission, Role
from apps.accounts.selectors import intake_pause, platform_pause
from tests.integration.accounts.people import bearer, key_of, make_user

ADMIN = "/admin/accounts"


@pytest.fixture
def root(db: None) -> Client:
    make_user("root", is_staff=True, is_superuser=True)
    client = Client()
    assert client.login(username="ROOT@example.org ", password="correct horse")
    return client


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def members_form(workspace: Workspace, *rows: dict[str, Any]) -> dict[str, Any]:
    """What the workspace's page posts: its fields and the inline rows."""
    memberships = Membership.objects.filter(workspace=workspace, user__isnull=False).count()
    form = {
        "name": workspace.name,
        "slug": workspace.slug,
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": memberships,
    }
    for n, row in enumerate(rows):
        form |= {f"memberships-{n}-{name}": value for name, value in row.items()}
    return form


def row_of(membership: Membership, **changes: Any) -> dict[str, Any]:
    return {"id": membership.pk, "workspace": membership.workspace_id, "role": membership.role, **changes}


def test_every_list_and_form_opens(root: Client, support: Workspace, bob_in_support: Membership) -> None:
    account = services.create_service_account(support, name="Importer", role=Role.OPERATOR)
    key = key_of(bob_in_support).key
    services.pause_intake()
    pages = [
        *(
            f"{ADMIN}/{name}/"
            for name in ("user", "workspace", "membership", "serviceaccount", "apikey", "platformstate")
        ),
        *(f"{ADMIN}/{name}/add/" for name in ("user", "workspace", "serviceaccount", "apikey")),
        f"{ADMIN}/user/{bob_in_support.user_id}/change/",
        f"{ADMIN}/user/{bob_in_support.user_id}/password/",
        f"{ADMIN}/workspace/{support.pk}/change/",
        f"{ADMIN}/membership/{bob_in_support.pk}/change/",
        f"{ADMIN}/serviceaccount/{account.pk}/change/",
        f"{ADMIN}/apikey/{key.pk}/change/",
        f"{ADMIN}/apikey/?q=test",
    ]
    assert {page: root.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_signing_in_takes_the_email_whatever_its_case(db: None) -> None:
    make_user("root", is_staff=True)
    client = Client()
    form = {"username": "Root@Example.org", "password": "correct horse", "next": "/admin/"}
    assert client.post("/admin/login/", form)["Location"] == "/admin/"
    wrong = Client().post("/admin/login/", {**form, "password": "wrong"})
    assert (wrong.status_code, wrong.wsgi_request.user.is_authenticated) == (200, False)


def test_who_is_not_staff_stays_outside(db: None) -> None:
    client = Client()
    client.force_login(make_user("bob"))
    assert client.get(f"{ADMIN}/user/").status_code == 302


def test_a_user_is_made_with_an_email(root: Client) -> None:
    form = {
        "email": "Dora@Example.org",
        "usable_password": "true",
        "password1": "a long walk",
        "password2": "a long walk",
    }
    assert root.post(f"{ADMIN}/user/add/", form).status_code == 302
    dora = User.objects.get(email="dora@example.org")
    assert (dora.check_password("a long walk"), dora.is_staff) == (True, False)
    assert root.post(f"{ADMIN}/user/add/", form).status_code == 200
    assert User.objects.filter(email__iexact="dora@example.org").count() == 1


def test_users_and_workspaces_are_not_deleted(root: Client, support: Workspace, bob: User) -> None:
    for page in (f"{ADMIN}/user/{bob.pk}/delete/", f"{ADMIN}/workspace/{support.pk}/delete/"):
        assert root.post(page, {"post": "yes"}).status_code == 403


def test_groups_are_out_of_sight(root: Client) -> None:
    assert "/admin/auth/group/" not in root.get("/admin/").content.decode()
    assert root.get("/admin/auth/group/add/").status_code == 200


def test_a_key_is_shown_once_and_then_only_looked_at(root: Client, bob_in_support: Membership) -> None:
    form = {"membership": bob_in_support.pk, "name": "CI", "scopes": ["runs:read"], "days": "30"}
    answer = root.post(f"{ADMIN}/apikey/add/", form)
    assert answer.status_code == 302
    (text,) = re.findall(r"cef_\w{8}_\w{43}_\w{6}", " ".join(told(answer)))
    assert bearer(text).get("/api/v1/me").json()["permissions"] == ["runs:read"]
    shown = root.get(answer["Location"]).content.decode()
    assert text in shown
    key = ApiKey.objects.get()
    for page in (f"{ADMIN}/apikey/", f"{ADMIN}/apikey/{key.pk}/change/"):
        assert text not in root.get(page).content.decode()
    assert text not in str(list(LogEntry.objects.values()))
    assert root.post(f"{ADMIN}/apikey/{key.pk}/change/", {"name": "other"}).status_code == 403
    assert root.post(f"{ADMIN}/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_beyond_its_owners_role_is_refused_on_the_page(root: Client, bob_in_support: Membership) -> None:
    form = {"membership": bob_in_support.pk, "name": "CI", "scopes": ["workspace:manage"], "days": "30"}
    answer = root.post(f"{ADMIN}/apikey/add/", form)
    assert told(answer)[-1] == "/scopes: The member's role does not give workspace:manage."
    assert not ApiKey.objects.exists()
    assert not LogEntry.objects.exists()


def test_revoking_from_the_list(root: Client, bob_in_support: Membership) -> None:
    issued = key_of(bob_in_support, Permission.RUNS_READ)
    root.post(f"{ADMIN}/apikey/", {"action": "revoke", "_selected_action": [issued.key.pk]})
    assert bearer(issued.text).get("/api/v1/me").json()["code"] == "api_key_revoked"
    assert "revoked" in root.get(f"{ADMIN}/apikey/{issued.key.pk}/change/").content.decode()


def test_a_workspace_is_made_with_its_members(root: Client, bob: User) -> None:
    form = {
        "name": "Legal",
        "slug": "legal",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": bob.pk,
        "memberships-0-role": "owner",
    }
    assert root.post(f"{ADMIN}/workspace/add/", form).status_code == 302
    assert Membership.objects.get(workspace__slug="legal").role == "owner"


def test_members_change_on_the_workspaces_page(
    root: Client, support: Workspace, bob_in_support: Membership, charlie: User
) -> None:
    alices = Membership.objects.get(user__email="alice@example.org")
    form = members_form(
        support,
        row_of(alices),
        row_of(bob_in_support, role="viewer"),
        {"workspace": support.pk, "user": charlie.pk, "role": "operator"},
    )
    assert root.post(f"{ADMIN}/workspace/{support.pk}/change/", form).status_code == 302
    assert dict(Membership.objects.filter(workspace=support).values_list("user__email", "role")) == {
        "alice@example.org": "owner",
        "bob@example.org": "viewer",
        "charlie@example.org": "operator",
    }


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"DELETE": "on"}])
def test_the_last_owner_stays_in_the_admin_too(root: Client, support: Workspace, change: dict[str, str]) -> None:
    alices = Membership.objects.get(workspace=support)
    answer = root.post(f"{ADMIN}/workspace/{support.pk}/change/", members_form(support, row_of(alices, **change)))
    assert (answer.status_code, told(answer)) == (302, ["A workspace keeps at least one owner."])
    alices.refresh_from_db()
    assert alices.role == "owner"


def test_a_membership_ends_with_the_same_rule(root: Client, support: Workspace, bob_in_support: Membership) -> None:
    both = list(Membership.objects.values_list("pk", flat=True))
    form = {"action": "delete_selected", "_selected_action": both, "post": "yes"}
    answer = root.post(f"{ADMIN}/membership/", form)
    assert "A workspace keeps at least one owner." in told(answer)
    assert list(Membership.objects.values_list("role", flat=True)) == ["owner"]


def test_a_service_account_gets_its_role(root: Client, support: Workspace) -> None:
    form = {"workspace": support.pk, "name": "Importer", "role": "operator"}
    assert root.post(f"{ADMIN}/serviceaccount/add/", form).status_code == 302
    account = ServiceAccount.objects.get()
    assert account.membership.role == "operator"
    page = f"{ADMIN}/serviceaccount/{account.pk}/change/"
    assert root.post(page, {"name": "Importer 2", "role": "viewer"}).status_code == 302
    account = ServiceAccount.objects.get()
    assert (account.name, account.membership.role, account.workspace) == ("Importer 2", "viewer", support)
    assert root.post(f"{ADMIN}/serviceaccount/{account.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ServiceAccount.objects.exists()


def test_intake_is_paused_and_resumed_from_the_lists(root: Client, support: Workspace, sales: Workspace) -> None:
    root.post(f"{ADMIN}/workspace/", {"action": "pause", "_selected_action": [support.pk]})
    assert (intake_pause(support.pk) is not None, intake_pause(sales.pk)) == (True, None)
    root.post(f"{ADMIN}/workspace/", {"action": "resume", "_selected_action": [support.pk]})
    assert intake_pause(support.pk) is None
    assert root.get(f"{ADMIN}/platformstate/").status_code == 200
    root.post(f"{ADMIN}/platformstate/", {"action": "pause", "_selected_action": [1]})
    assert platform_pause() is not None
    root.post(f"{ADMIN}/platformstate/", {"action": "resume", "_selected_action": [1]})
    assert (platform_pause(), PlatformState.objects.count()) == (None, 1)


def test_nothing_of_a_password_or_digest_is_on_a_page(root: Client, bob_in_support: Membership) -> None:
    key = key_of(bob_in_support).key
    page = root.get(f"{ADMIN}/apikey/{key.pk}/change/").content.decode()
    assert bytes(key.digest).hex() not in page
    assert "digest" not in page
