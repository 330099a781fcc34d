"""Canonical bytes are the same everywhere; the journal's JSON loses nothing."""

import hashlib
import math

import pytest

from apps.core.canonical import canonical_bytes, digest, dump, load


def test_keys_are_sorted_and_numbers_are_written_as_rfc_8785_says() -> None:
    assert canonical_bytes({"b": 1.0, "a": [1e21, "é", True, None]}) == '{"a":[1e+21,"é",true,null],"b":1}'.encode()


def test_the_order_of_keys_does_not_change_the_digest() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) == hashlib.sha256(b'{"a":1,"b":2}').digest()


@pytest.mark.parametrize("odd", ["\ud800", {"\udfff": 1}, 2**70, ["ok", "\udc00"]])
def test_what_rfc_8785_cannot_say_still_has_stable_bytes(odd: object) -> None:
    assert canonical_bytes({"b": odd, "a": 1}) == canonical_bytes({"a": 1, "b": odd})
    assert canonical_bytes({"x": odd}) != canonical_bytes({"x": "?"})


@pytest.mark.parametrize("refused", [math.nan, math.inf, object(), {1, 2}])
def test_what_is_no_json_is_refused(refused: object) -> None:
    with pytest.raises(ValueError):
        canonical_bytes({"x": refused})


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud83d", {"k\udc00": ["\0", 2**80 + 1, -1.5, None]}, 2**64, -(10**400), "plain é 😀"]
)
def test_journal_json_survives_nul_surrogates_and_big_integers(value: object) -> None:
    assert load(dump(value)) == value
    assert load(memoryview(dump(value))) == value
    assert type(load(dump(value))) is type(value)
