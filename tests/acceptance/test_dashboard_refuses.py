"""Flower answers nobody who has not signed in: not a page, not its API, not its metrics."""

import time
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from flower.urls import handlers
from tornado.web import create_signed_value

from tests.acceptance.dashboard import PAGE, Ports, flower
from workers.dashboard.session import COOKIE, identity

pytestmark = pytest.mark.acceptance

ALICE = identity(str(UUID(int=1)))
REFUSAL = "Sign in to the workers' dashboard first.\n"


def paths() -> list[str]:
    """An address of every route that the installed Flower has, but for sign-in, sign-out and style sheets."""
    patterns = [(getattr(handler, "regex", None) and handler.regex.pattern) or handler[0] for handler in handlers]
    found = {pattern.rstrip("$").replace("(.+)", "x").replace("(.*)", "x") for pattern in patterns}
    return [*sorted(found - {"/login/?", "/logout", "/static/x", ".*"}), "/workers?json=1", "/nothing", "//metrics"]


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(session_seconds=60)


@pytest.fixture(scope="module")
def http(ports: Ports) -> Iterator[httpx.Client]:
    with flower(ports) as client:
        yield client


def cookie(ports: Ports, value: str = ALICE, *, secret: str | None = None, age_s: float = 0) -> dict[str, str]:
    signed = create_signed_value(secret or ports.cookie_secret, COOKIE, value, clock=lambda: time.time() - age_s)
    return {"Cookie": f"{COOKIE}={signed.decode()}"}


def test_every_route_is_walked() -> None:
    assert {"/", "/workers", "/tasks/datatable", "/broker", "/api/workers", "/api/task/async-apply/x"} < set(paths())
    assert {"/metrics", "/healthcheck"} < set(paths())
    assert len(paths()) >= len(handlers) - 4


@pytest.mark.parametrize("path", paths())
def test_it_refuses_an_anonymous_program(http: httpx.Client, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = http.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.text == ("" if method == "HEAD" else REFUSAL)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", paths())
def test_it_sends_an_anonymous_browser_to_sign_in(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers=PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?next=%2F")
    assert answer.text == ""


def test_it_refuses_cookies_that_it_did_not_sign(ports: Ports, http: httpx.Client) -> None:
    for headers in (
        {"Cookie": f"{COOKIE}={ALICE}"},
        {"Cookie": f"{COOKIE}="},
        cookie(ports, secret="s" * 40),
        cookie(ports, value="alice@dashboard.cef.evil"),
        cookie(ports, age_s=61),
    ):
        assert http.get("/api/workers", headers=headers).status_code == 401
    assert http.get("/api/workers", headers=cookie(ports)).status_code == 200


def test_a_page_wants_a_session_with_half_its_life_left(ports: Ports, http: httpx.Client) -> None:
    old = cookie(ports, age_s=40)
    assert http.get("/workers?json=1", headers=old).status_code == 200
    assert http.get("/workers", headers=old | PAGE).headers["Location"] == "/login?next=%2Fworkers"
    page = http.get("/workers", headers=cookie(ports) | PAGE)
    assert (page.status_code, page.headers["Refresh"]) == (200, "30")
    assert (page.headers["X-Frame-Options"], page.headers["Cache-Control"]) == ("DENY", "no-store")


def test_the_metrics_token_opens_metrics_and_nothing_else(ports: Ports, http: httpx.Client) -> None:
    right = {"Authorization": f"Bearer {ports.metrics_token}"}
    assert "flower_events_total" in http.get("/metrics", headers=right).text
    assert http.get("/healthcheck", headers=right).text == "OK"
    for path in ("/api/workers", "/workers?json=1", "/", "/api/task/types"):
        assert http.get(path, headers=right).status_code == 401
    for wrong in ("", "Bearer", "Bearer x", ports.metrics_token, f"Basic {ports.metrics_token}"):
        assert http.get("/metrics", headers={"Authorization": wrong}).status_code == 401


def test_who_is_signed_in_may_look_and_not_act(ports: Ports, http: httpx.Client) -> None:
    headers = cookie(ports) | {"Authorization": "Bearer x"}
    for path in ("/api/task/send-task/workers.ops.sweep", "/api/worker/shutdown/x", "/api/task/revoke/x"):
        answer = http.post(path, headers=headers, json={"args": []})
        assert (answer.status_code, answer.text) == (403, "Read only mode is enabled")
    assert http.get("/api/tasks", headers=cookie(ports)).json() == {}


def test_style_sheets_are_public(http: httpx.Client) -> None:
    assert http.get("/static/css/flower.css").status_code == 200


def test_signing_out_ends_the_session(ports: Ports, http: httpx.Client) -> None:
    answer = http.get("/logout", headers=cookie(ports) | PAGE)
    assert answer.status_code == 200
    assert 'user=""' in answer.headers["Set-Cookie"]
    assert "Refresh" not in answer.headers


def test_a_sign_in_starts_with_state_and_pkce(ports: Ports, http: httpx.Client) -> None:
    answer = http.get("/login?next=//evil.example")
    target = httpx.URL(answer.headers["Location"])
    assert str(target.copy_with(query=None)) == f"{ports.web_url}/o/authorize/"
    assert target.params["code_challenge_method"] == "S256"
    assert (len(target.params["code_challenge"]), len(target.params["state"])) == (43, 64)
    assert target.params["redirect_uri"] == f"{ports.flower_url}/login"
    assert "evil" not in str(target)


@pytest.mark.parametrize("query", ["code=x", "code=x&state=x", "error=access_denied&state=x", "error=x"])
def test_an_answer_that_nobody_asked_for_is_refused(http: httpx.Client, query: str) -> None:
    answer = http.get(f"/login?{query}")
    assert answer.status_code == 403
    assert "This sign-in was not started here" in answer.text
    assert "user=" not in answer.headers.get("Set-Cookie", "")


def test_an_answer_of_another_server_is_refused(ports: Ports, http: httpx.Client) -> None:
    with httpx.Client(base_url=ports.flower_url) as browser:
        state = httpx.URL(browser.get("/login").headers["Location"]).params["state"]
        answer = browser.get("/login", params={"code": "x", "state": state, "iss": "https://evil.example/o"})
    assert answer.status_code == 403
    assert "The answer comes from another server" in answer.text


def test_without_the_platform_nobody_gets_in(ports: Ports, http: httpx.Client) -> None:
    with httpx.Client(base_url=ports.flower_url) as browser:
        state = httpx.URL(browser.get("/login").headers["Location"]).params["state"]
        answer = browser.get("/login", params={"code": "x", "state": state, "iss": f"{ports.web_url}/o"})
        assert (answer.status_code, answer.text) == (503, "The platform does not answer.")
        assert COOKIE not in browser.cookies
