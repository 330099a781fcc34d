"""API keys as text."""

import pytest
from pytest_django.fixtures import Settings

from apps.accounts import keys


def test_a_new_key_has_the_documented_form_and_reads_back() -> None:
    token = keys.new_token()
    prefix, key_id, secret, checksum = token.text.split("_")
    assert (prefix, len(key_id), len(secret), len(checksum)) == ("cef", 8, 43, 6)
    assert token.text.replace("_", "").isalnum()
    assert keys.parse(token.text) == token


def test_keys_do_not_repeat() -> None:
    assert len({keys.new_token().text for _ in range(1_000)}) == 1_000


def test_a_mistyped_character_anywhere_is_noticed() -> None:
    text = keys.new_token().text
    for place in range(4, len(text)):
        wrong = "x" if text[place] != "x" else "y"
        assert keys.parse(text[:place] + wrong + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "cef_", "cef___", "sk-abc", "cef_é", " ", "cef_8Qx1LmZp_short_4fT0aB"])
def test_other_text_is_no_key(text: str) -> None:
    assert keys.parse(text) is None


def test_a_key_with_more_at_its_end_is_no_key() -> None:
    assert keys.parse(keys.new_token().text + "\n") is None


def test_the_digest_depends_on_secret_id_and_pepper(settings: Settings) -> None:
    settings.CEF_API_KEY_PEPPER = "new,old"
    token = keys.new_token()
    old_kid = next(kid for kid in keys._peppers("old"))
    digests = {
        keys.digest(token, keys.active_pepper_kid()),
        keys.digest(token, old_kid),
        keys.digest(keys.Token(token.id, keys.new_token().secret), keys.active_pepper_kid()),
        keys.digest(keys.Token("AAAAAAAA", token.secret), keys.active_pepper_kid()),
    }
    assert {len(digest) for digest in digests} == {32}
    assert len(digests) == 4


def test_a_key_made_before_the_pepper_changed_still_has_its_digest(settings: Settings) -> None:
    settings.CEF_API_KEY_PEPPER = "old"
    token, kid = keys.new_token(), keys.active_pepper_kid()
    digest = keys.digest(token, kid)
    settings.CEF_API_KEY_PEPPER = "new, old"
    assert keys.active_pepper_kid() != kid
    assert keys.digest(token, kid) == digest


def test_without_its_pepper_no_digest_matches(settings: Settings) -> None:
    token, kid = keys.new_token(), keys.active_pepper_kid()
    digest = keys.digest(token, kid)
    settings.CEF_API_KEY_PEPPER = "another"
    assert keys.digest(token, kid) != digest
    assert keys.digest(token, kid) != keys.digest(token, kid)


def test_the_secret_is_not_in_the_repr() -> None:
    token = keys.new_token()
    assert token.secret not in repr(token)
