"""Who is signed in to the dashboard, and where a sign-in may end."""

import base64
import hashlib
import time

import pytest
from flower.utils.authentication import authenticate, validate_auth_option
from tornado.web import create_signed_value

from workers.dashboard.session import AUTH_PATTERN, COOKIE, Attempt, identity, is_signed_in, local_path

SECRET = "s" * 40
ALICE = "0190a000-0000-7000-8000-000000000001"


def cookie(value: str, *, name: str = COOKIE, secret: str = SECRET, age_s: float = 0) -> str:
    return create_signed_value(secret, name, value, clock=lambda: time.time() - age_s).decode()


def test_it_works() -> None:
    assert identity(ALICE) == f"{ALICE}@dashboard.cef"
    assert is_signed_in(SECRET, cookie(identity(ALICE)), max_age_s=60) is True


def test_an_old_cookie_is_no_sign_in() -> None:
    assert is_signed_in(SECRET, cookie(identity(ALICE), age_s=59), max_age_s=60) is True
    assert is_signed_in(SECRET, cookie(identity(ALICE), age_s=62), max_age_s=60) is False


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        f"{ALICE}@dashboard.cef",
        cookie(identity(ALICE), secret="t" * 40),
        cookie(identity(ALICE), name="sign_in"),
        cookie(f"{ALICE}@dashboard.cef.example"),
        cookie("1"),
        cookie(identity(ALICE))[:-1] + "x",
    ],
    ids=["none", "empty", "unsigned", "other secret", "other name", "other domain", "no domain", "other signature"],
)
def test_a_cookie_that_is_not_ours_is_no_sign_in(value: str | None) -> None:
    assert is_signed_in(SECRET, value, max_age_s=60) is False


@pytest.mark.parametrize("subject", ["", "1", "root@dashboard.cef", f"{ALICE}@evil"])
def test_only_a_uuid_becomes_an_identity(subject: str) -> None:
    with pytest.raises(ValueError):
        identity(subject)


def test_flower_reads_the_pattern_as_the_whole_identity() -> None:
    assert validate_auth_option(AUTH_PATTERN) is True
    assert authenticate(AUTH_PATTERN, identity(ALICE)) is not None
    for stranger in ("a@dashboard.cef.evil", "a@dashboardxcef", "a@evil", "x a@dashboard.cef", "", "a@b@dashboard.cef"):
        assert authenticate(AUTH_PATTERN, stranger) is None


@pytest.mark.parametrize("target", ["/", "/workers", "/worker/ops@host?limit=5&json=1", "/tasks#top"])
def test_a_local_path_is_followed(target: str) -> None:
    assert local_path(target, "/home") == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "workers",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=y",
        "https://evil.example/",
        "javascript:alert(1)",
        "/ä",
    ],
)
def test_anything_else_leads_home(target: str | None) -> None:
    assert local_path(target, "/home") == "/home"


def test_an_attempt_survives_its_cookie() -> None:
    attempt = Attempt(next="/tasks")
    assert Attempt.load(attempt.dump().encode()) == attempt
    assert Attempt.load(None) is None
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    assert attempt.challenge == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert 43 <= len(attempt.verifier) <= 128


def test_an_attempt_takes_only_its_own_state() -> None:
    attempt, other = Attempt(next="/"), Attempt(next="/")
    assert attempt.answers(attempt.state) is True
    assert attempt.answers(other.state) is False
    assert attempt.answers("") is False
    assert attempt.answers(None) is False
    assert (attempt.state == other.state, attempt.verifier == other.verifier) == (False, False)
