"""Credentials are bound to their row, fit their kind, and show no more than their end."""

from base64 import b64encode
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from apps.core.exceptions import Undecryptable
from apps.core.ids import new_id
from apps.providers.credentials import reseal, seal, unseal
from apps.providers.exceptions import InvalidCredentials
from apps.providers.models import Provider

SECRET = "sk-0123456789abcdef"
AWS = {"aws_access_key_id": "AKIA0123", "aws_secret_access_key": "s" * 40}


def a_provider(kind: str = "openai", **values: Any) -> Provider:
    return Provider(workspace_id=new_id(), slug="p", kind=kind, **values)


def sealed(provider: Provider, values: dict[str, str]) -> Provider:
    provider.credentials = seal(provider, values).token
    return provider


def test_it_works() -> None:
    provider = a_provider()
    stored = seal(provider, {"api_key": SECRET})
    assert (stored.hint, len(stored.fingerprint)) == ("cdef", 12)
    assert SECRET not in stored.token
    assert b64encode(SECRET.encode()).decode()[:16] not in stored.token
    assert unseal(sealed(provider, {"api_key": SECRET})) == {"api_key": SECRET}


def test_another_rows_ciphertext_does_not_open() -> None:
    mine, theirs = a_provider(), sealed(a_provider(), {"api_key": SECRET})
    mine.credentials = theirs.credentials
    with pytest.raises(Undecryptable):
        unseal(mine)


def test_a_row_moved_to_another_workspace_does_not_open() -> None:
    provider = sealed(a_provider(), {"api_key": SECRET})
    provider.workspace_id = new_id()
    with pytest.raises(Undecryptable):
        unseal(provider)


def test_the_fingerprint_changes_with_the_secret_and_not_with_the_ciphertext() -> None:
    provider = a_provider()
    first, again, other = (seal(provider, {"api_key": key}) for key in (SECRET, SECRET, SECRET + "g"))
    assert first.token != again.token
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert seal(a_provider(), {"api_key": SECRET}).fingerprint != first.fingerprint


def test_a_short_secret_gives_no_hint() -> None:
    assert seal(a_provider(), {"api_key": "short"}).hint == ""


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *((kind, {"api_key": SECRET}) for kind in ("openai_compatible", "openai", "anthropic", "google", "local")),
        ("bedrock", {"api_key": SECRET}),
        ("bedrock", AWS),
        ("bedrock", {**AWS, "aws_session_token": "t"}),
    ],
)
def test_each_kind_takes_its_own(kind: str, values: dict[str, str]) -> None:
    assert unseal(sealed(a_provider(kind), values)) == values


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("openai", {}),
        ("openai", AWS),
        ("openai", {"api_key": SECRET, "more": "x"}),
        ("bedrock", {"aws_access_key_id": "AKIA"}),
        ("scripted", {"api_key": SECRET}),
        *(("openai", {"api_key": bad}) for bad in ("", "two words", "line\nbreak", "ключ", "a\x00b")),
    ],
)
def test_what_does_not_fit_is_refused_and_not_quoted(kind: str, values: dict[str, str]) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        seal(a_provider(kind), values)
    assert all(value not in caught.value.message for value in values.values() if value)


@pytest.mark.parametrize("kind", ["openai_compatible", "local", "scripted"])
def test_some_kinds_need_none(kind: str) -> None:
    assert unseal(a_provider(kind)) == {}


@pytest.mark.parametrize("kind", ["openai", "anthropic", "google", "bedrock"])
def test_the_others_say_what_is_missing(kind: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        unseal(a_provider(kind))
    assert caught.value.code == "credentials_missing"


def test_resealing_moves_to_the_active_key(settings: Settings) -> None:
    settings.CEF_ENCRYPTION_KEYS = {"old": b"o" * 32}
    provider = sealed(a_provider(), {"api_key": SECRET})
    settings.CEF_ENCRYPTION_KEYS = {"new": b"n" * 32, "old": b"o" * 32}
    provider.credentials = reseal(provider)
    settings.CEF_ENCRYPTION_KEYS = {"new": b"n" * 32}
    assert unseal(provider) == {"api_key": SECRET}
