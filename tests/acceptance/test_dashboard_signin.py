"""People sign in to Flower with their account on the platform, through the whole dance of redirects."""

import re
from collections.abc import Iterator

import httpx
import pytest

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.oauth.dashboard import register_dashboard
from apps.accounts.permissions import Role
from tests.acceptance.dashboard import PAGE, Ports, flower, web, worker
from tests.waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"
SESSION_SECONDS = 8


@pytest.fixture
def ports(transactional_db: None) -> Iterator[Ports]:
    ports = Ports(session_seconds=SESSION_SECONDS)
    register_dashboard(url=ports.flower_url, secret=ports.client_secret)
    with web(ports), flower(ports):
        yield ports


def person(email: str, role: Role | None = None, **fields: bool) -> User:
    user = User.objects.create_user(email, PASSWORD, **fields)
    if role is not None:
        workspace, _ = Workspace.objects.get_or_create(slug="acme", defaults={"name": "Acme"})
        Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def sign_in(ports: Ports, user: User, *, path: str = "/workers", password: str = PASSWORD) -> httpx.Response:
    """What a browser does: open the dashboard, be sent to the form, fill it in, come back."""
    browser = httpx.Client(headers=PAGE, follow_redirects=True, timeout=20)
    form = browser.get(ports.flower_url + path)
    assert form.url.copy_with(query=None) == f"{ports.web_url}/sign-in/"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
    assert token is not None
    fields = {"username": user.email, "password": password, "csrfmiddlewaretoken": token[1]}
    return again(browser, browser.post(form.url, data=fields))


def again(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The answer, with the browser that got it at hand."""
    answer.extensions["browser"] = browser
    return answer


def test_an_operator_signs_in_and_sees_the_worker(ports: Ports) -> None:
    operator = person("olga@example.com", Role.OPERATOR)
    with worker(ports, "ops@acme"):
        answer = sign_in(ports, operator, path="/broker")
        assert (answer.status_code, str(answer.url)) == (200, f"{ports.flower_url}/broker")
        browser: httpx.Client = answer.extensions["browser"]
        page = eventually(lambda: _worker_page(browser, ports))
    assert "ops@acme" in page.text
    assert f"Log out {operator.pk}@dashboard.cef" in page.text
    assert "olga" not in page.text
    api = browser.get(f"{ports.flower_url}/api/workers", headers={"Accept": "application/json"})
    assert list(api.json()) == ["ops@acme"]


def _worker_page(browser: httpx.Client, ports: Ports) -> httpx.Response | None:
    page = browser.get(f"{ports.flower_url}/worker/ops@acme")
    return page if page.status_code == 200 else None


def test_who_may_and_who_may_not(ports: Ports) -> None:
    for user in (person("staff@example.com", is_staff=True), person("owner@example.com", Role.OWNER)):
        assert sign_in(ports, user).url.path == "/workers"
    for user in (person("viewer@example.com", Role.VIEWER), person("nobody@example.com")):
        answer = sign_in(ports, user)
        assert answer.status_code == 403
        assert f"{user.email} may not see the workers&#x27; dashboard." in answer.text
        browser: httpx.Client = answer.extensions["browser"]
        assert "user" not in browser.cookies
        for path in ("/api/workers", "/metrics", "/healthcheck", "/workers?json=1", "/tasks/datatable"):
            assert browser.get(ports.flower_url + path, headers={"Accept": "*/*"}).status_code == 401
        assert browser.get(f"{ports.flower_url}/workers").status_code == 403


def test_a_wrong_password_or_a_closed_account_stays_at_the_form(ports: Ports) -> None:
    staff = person("staff@example.com", is_staff=True)
    assert sign_in(ports, staff, password="wrong").url.path == "/sign-in/"
    User.objects.filter(pk=staff.pk).update(is_active=False)
    assert sign_in(ports, staff).url.path == "/sign-in/"


def test_a_demoted_operators_session_ends(ports: Ports) -> None:
    operator = person("olga@example.com", Role.OPERATOR)
    browser: httpx.Client = sign_in(ports, operator).extensions["browser"]
    api = f"{ports.flower_url}/api/workers"
    assert browser.get(api, headers={"Accept": "*/*"}).status_code == 200
    Membership.objects.filter(user=operator).update(role=Role.VIEWER)
    cookie = {"Accept": "*/*", "Cookie": f"user={browser.cookies['user']}"}
    with httpx.Client(headers=cookie) as kept:
        eventually(lambda: kept.get(api).status_code == 401, within_s=SESSION_SECONDS + 5)
    page = browser.get(f"{ports.flower_url}/workers")
    assert (page.status_code, page.url.path) == (403, "/login")


def test_a_session_is_renewed_without_a_question(ports: Ports) -> None:
    staff = person("staff@example.com", is_staff=True)
    browser: httpx.Client = sign_in(ports, staff).extensions["browser"]
    first = browser.cookies["user"]

    def renewed() -> bool:
        page = browser.get(f"{ports.flower_url}/tasks")
        assert (page.status_code, page.url.path) == (200, "/tasks")
        return browser.cookies["user"] != first

    eventually(renewed)
