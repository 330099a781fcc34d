"""A browser signs in with a session, names its workspace, and is held to the CSRF check."""

from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from tests.integration.accounts.people import browser

MEMBERS = "/api/v1/members"
CURRENT = "/api/v1/workspaces/current"


def test_it_works_by_slug_and_by_id(support: Workspace, alice: User) -> None:
    for name in ("support", str(support.pk)):
        answer = browser(alice, name).get(CURRENT)
        assert (answer.status_code, answer.json()["slug"]) == (200, "support")


def test_a_session_must_name_its_workspace(support: Workspace, alice: User) -> None:
    answer = browser(alice).get(CURRENT)
    assert (answer.status_code, answer.json()["code"]) == (400, "workspace_required")


def test_another_teams_workspace_does_not_exist_for_us(sales: Workspace, alice: User) -> None:
    for name in ("sales", str(sales.pk), "no-such-workspace", ""):
        answer = browser(alice, name).get(CURRENT)
        expected = (404, "workspace_not_found") if name else (400, "workspace_required")
        assert (answer.status_code, answer.json()["code"]) == expected


def test_me_answers_without_a_workspace(support: Workspace, alice: User) -> None:
    body = browser(alice).get("/api/v1/me").json()
    assert (body["name"], body["workspace_id"], body["role"], body["permissions"]) == (
        "alice@example.org",
        None,
        None,
        [],
    )
    assert [workspace["slug"] for workspace in body["workspaces"]] == ["support"]


def test_only_my_workspaces_are_listed(support: Workspace, sales: Workspace, alice: User) -> None:
    body = browser(alice).get("/api/v1/workspaces").json()
    assert [workspace["slug"] for workspace in body["data"]] == ["support"]
    assert (body["next_cursor"], body["has_more"]) == (None, False)


def test_a_write_without_the_csrf_token_is_refused(support: Workspace, alice: User) -> None:
    client = browser(alice, support, csrf=True)
    answer = client.post(MEMBERS, {"email": "dora@example.org", "role": "viewer"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert Membership.objects.count() == 1


def test_a_write_with_the_csrf_token_passes(support: Workspace, alice: User) -> None:
    client = browser(alice, support, csrf=True)
    token = "a" * 32
    client.cookies["csrftoken"] = token
    body = {"email": "dora@example.org", "role": "viewer"}
    assert client.post(MEMBERS, body, format="json", headers={"X-CSRFToken": token}).status_code == 201


def test_a_deactivated_person_is_signed_out(support: Workspace, alice: User) -> None:
    client = browser(alice, support)
    User.objects.update(is_active=False)
    assert client.get(CURRENT).status_code == 401


def test_staff_operate_the_platform_in_the_browser(support: Workspace, alice: User) -> None:
    assert browser(alice, support).get("/api/v1/platform").status_code == 403
    User.objects.update(is_staff=True)
    assert browser(alice, support).get("/api/v1/platform").json() == {"intake_paused_at": None}


def test_an_anonymous_browser_is_refused(support: Workspace) -> None:
    assert APIClient().get(CURRENT, headers={"CEF-Workspace": "support"}).status_code == 401
