"""Secrets at rest open only with their key and in their place."""

import pytest
from pytest_django.fixtures import Settings

from apps.core.exceptions import Undecryptable
from apps.core.keyring import decrypt, encrypt

OLD, NEW = {"k1": b"1" * 32}, {"k2": b"2" * 32}


@pytest.fixture(autouse=True)
def _old_key(settings: Settings) -> None:
    settings.CEF_ENCRYPTION_KEYS = OLD


def test_it_works() -> None:
    token = encrypt(b"sk-secret\0\xff", aad="provider:1")
    assert token.startswith("v1:k1:")
    assert "secret" not in token
    assert decrypt(token, aad="provider:1") == b"sk-secret\0\xff"


def test_the_same_secret_is_never_encrypted_alike() -> None:
    assert encrypt(b"x", aad="a") != encrypt(b"x", aad="a")


def test_a_ciphertext_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(Undecryptable):
        decrypt(encrypt(b"x", aad="provider:1"), aad="provider:2")


def test_after_rotation_old_tokens_open_and_new_ones_use_the_new_key(settings: Settings) -> None:
    old = encrypt(b"x", aad="a")
    settings.CEF_ENCRYPTION_KEYS = {**NEW, **OLD}
    assert decrypt(old, aad="a") == b"x"
    assert encrypt(b"x", aad="a").startswith("v1:k2:")


def test_a_key_that_left_the_ring_is_named(settings: Settings) -> None:
    token = encrypt(b"x", aad="a")
    settings.CEF_ENCRYPTION_KEYS = NEW
    with pytest.raises(Undecryptable, match="not in CEF_ENCRYPTION_KEYS") as caught:
        decrypt(token, aad="a")
    assert caught.value.details == {"kid": "k1"}


@pytest.mark.parametrize("token", ["", "plain", "v1:k1:!!:??", "v2:k1:aaaa:bbbb", "v1:k1:AAAA:AAAA", "v1:k1:é:é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Undecryptable):
        decrypt(token, aad="a")
