"""The OAuth 2.0 server: who may see the dashboard, how it is registered, and what a token is good for."""

import base64
import hashlib
import re
import secrets
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from oauth2_provider.models import AccessToken, Application, Grant, RefreshToken

from apps.accounts.models import User
from apps.accounts.oauth.dashboard import may_see_dashboard, register_dashboard
from apps.accounts.permissions import Role
from tests.integration.accounts.people import join, make_user, make_workspace

pytestmark = pytest.mark.django_db

URL = "https://flower.example.com"
SECRET = "s" * 40
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUESTION = {
    "response_type": "code",
    "client_id": "cef-dashboard",
    "redirect_uri": f"{URL}/login",
    "scope": "dashboard",
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
BASIC = {"authorization": "Basic " + base64.b64encode(f"cef-dashboard:{SECRET}".encode()).decode()}


@pytest.fixture
def alice() -> User:
    return make_user("alice", is_staff=True)


@pytest.fixture
def _registered() -> None:
    register_dashboard(url=URL, secret=SECRET)


def authorize(user: User | None, **changes: Any) -> Any:
    browser = Client()
    if user is not None:
        browser.force_login(user)
    question = {name: value for name, value in (QUESTION | changes).items() if value is not None}
    return browser.get("/o/authorize/", question)


def code_for(user: User) -> str:
    return parse_qs(urlsplit(authorize(user)["Location"]).query)["code"][0]


def exchange(code: str, **changes: Any) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{URL}/login", "code_verifier": VERIFIER}
    return Client().post("/o/token/", form | changes, headers=BASIC)


def ask(token: str) -> Any:
    return Client().get("/o/dashboard-user/", headers={"authorization": f"Bearer {token}"})


@pytest.mark.usefixtures("_registered")
def test_it_works(alice):
    answer = authorize(alice)
    assert answer.status_code == 302
    target = urlsplit(answer["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{URL}/login"
    query = parse_qs(target.query)
    assert (query["state"], query["iss"]) == (["xyz"], ["http://testserver/o"])
    token = exchange(query["code"][0]).json()
    assert token.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (token["expires_in"], token["scope"]) == (600, "dashboard")
    reply = ask(token["access_token"])
    assert reply.json() == {"sub": str(alice.pk), "email": "alice@example.org", "allowed": True}
    assert reply["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("_registered")
def test_tokens_are_stored_as_hashes_and_not_renewed(alice):
    token = exchange(code_for(alice)).json()["access_token"]
    row = AccessToken.objects.get()
    assert (row.token, row.token_checksum) == ("", hashlib.sha256(token.encode()).hexdigest())
    assert (RefreshToken.objects.count(), Grant.objects.count()) == (0, 0)


@pytest.mark.parametrize("role", list(Role))
def test_operators_and_above_may_see_the_dashboard(role):
    user = make_user("bob")
    assert may_see_dashboard(user) is False
    join(make_workspace("support"), user, role)
    assert may_see_dashboard(user) is (role != Role.VIEWER)
    user.is_active = False
    assert may_see_dashboard(user) is False


@pytest.mark.usefixtures("_registered")
def test_the_right_is_asked_anew(alice):
    token = exchange(code_for(alice)).json()["access_token"]
    User.objects.update(is_staff=False)
    assert ask(token).json()["allowed"] is False


@pytest.mark.usefixtures("_registered")
def test_a_code_is_good_once_and_only_with_its_verifier(alice):
    code = code_for(alice)
    assert exchange(code, code_verifier="x" * 64).json() == {"error": "invalid_grant"}
    code = code_for(alice)
    assert exchange(code).status_code == 200
    again = exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain", "code_challenge": VERIFIER},
        {"response_type": "token"},
        {"scope": "everything"},
    ],
)
def test_what_the_gates_refuse(alice, changes):
    answer = authorize(alice, **changes)
    assert "code=" not in answer.get("Location", "")
    assert "error=" in answer.get("Location", "") or answer.status_code == 400
    assert Grant.objects.count() == 0


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize("changes", [{}, {"code_verifier": ""}])
def test_an_empty_challenge_leads_to_no_token(alice, changes):
    answer = authorize(alice, code_challenge="")
    code = parse_qs(urlsplit(answer["Location"]).query)["code"][0]
    assert exchange(code, **changes).status_code == 400
    assert AccessToken.objects.count() == 0


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize("uri", ["/login?x=1", "/login#f", "/login/../x", "/", "/login.evil.example"])
def test_only_the_registered_address_is_redirected_to(alice, uri):
    answer = authorize(alice, redirect_uri=URL + uri)
    assert (answer.status_code, answer.get("Location")) == (400, None)


@pytest.mark.usefixtures("_registered")
def test_nobody_signed_in_is_sent_to_the_form():
    answer = authorize(None)
    assert answer["Location"].startswith("/sign-in/?next=/o/authorize/")


@pytest.mark.usefixtures("_registered")
def test_a_wrong_secret_gets_no_token(alice):
    basic = {"authorization": "Basic " + base64.b64encode(b"cef-dashboard:wrong").decode()}
    form = {"grant_type": "authorization_code", "code": code_for(alice), "redirect_uri": f"{URL}/login"}
    answer = Client().post("/o/token/", form | {"code_verifier": VERIFIER}, headers=basic)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert AccessToken.objects.count() == 0


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize("grant", ["password", "client_credentials"])
def test_other_grants_are_refused(alice, grant):
    form = {"grant_type": grant, "username": alice.email, "password": "correct horse", "scope": "dashboard"}
    assert Client().post("/o/token/", form, headers=BASIC).status_code == 400
    assert AccessToken.objects.count() == 0


@pytest.mark.usefixtures("_registered")
def test_the_question_takes_only_a_good_token(alice):
    token = exchange(code_for(alice)).json()["access_token"]
    jwt = "ey" + token + ".ey.x"
    for wrong in ("", "x", token[:-1], jwt):
        assert ask(wrong).status_code == 401
    assert Client().get(f"/o/dashboard-user/?access_token={token}").status_code == 401
    AccessToken.objects.update(scope="")
    assert ask(token).status_code == 401


@pytest.mark.usefixtures("_registered")
def test_a_dashboard_token_does_not_open_the_api(alice):
    join(make_workspace("support"), alice, Role.OWNER)
    token = exchange(code_for(alice)).json()["access_token"]
    answer = Client().get("/api/v1/runs", headers={"authorization": f"Bearer {token}", "cef-workspace": "support"})
    assert answer.status_code == 401


def test_registering_twice_changes_nothing(settings):
    assert register_dashboard(url=URL, secret=SECRET) is True
    stored = Application.objects.values().get()
    assert SECRET not in stored["client_secret"]
    assert (stored["skip_authorization"], stored["client_type"]) == (True, "confidential")
    assert register_dashboard(url=URL, secret=SECRET) is False
    assert Application.objects.values().get() == stored
    settings.CEF_FLOWER_URL, settings.CEF_FLOWER_CLIENT_SECRET = "https://elsewhere.example.com", SECRET
    call_command("register_dashboard", stdout=StringIO())
    moved = Application.objects.get()
    assert moved.redirect_uris == "https://elsewhere.example.com/login"
    assert moved.client_secret == stored["client_secret"]


def test_registering_without_a_secret_is_refused(settings):
    settings.CEF_FLOWER_URL, settings.CEF_FLOWER_CLIENT_SECRET = URL, ""
    with pytest.raises(CommandError, match="Set CEF_FLOWER_URL and CEF_FLOWER_CLIENT_SECRET first"):
        call_command("register_dashboard")
    assert Application.objects.count() == 0


def test_members_sign_in_who_are_no_staff():
    bob = make_user("bob")
    browser = Client()
    page = browser.get("/sign-in/?next=/o/authorize/")
    assert re.search("<title>\\s*Sign in", page.content.decode())
    fields = {"username": "BOB@example.org", "password": "correct horse"}
    assert browser.post("/sign-in/?next=/api/docs/", fields)["Location"] == "/api/docs/"
    assert browser.session["_auth_user_id"] == str(bob.pk)
    elsewhere = Client().post("/sign-in/?next=https://evil.example/", fields)
    assert elsewhere["Location"] == "/admin/"


def test_clients_register_themselves_nowhere():
    for path in ("applications/", "applications/register/", "register/", "device/", "introspect/", "userinfo/"):
        assert Client().get(f"/o/{path}").status_code == 404
