"""Token counts: exact where the tokenizer is public, a declared estimate elsewhere."""

import pytest

from apps.providers.exceptions import UnknownTokenizer
from apps.providers.tokens import ESTIMATE_ERROR, count, is_exact

PROSE = "The lease is renewed every five seconds by its own thread, and names the worker and an epoch. " * 20


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k", "estimate"),
    [
        ("", 0, 0, 0),
        ("hello world", 2, 2, 3),
        ("tokenizer", 2, 1, 3),
        ("<|endoftext|>", 7, 7, 4),
        ("日本語のテキスト", 6, 8, 6),
        ("a\x00b", 3, 3, 1),
    ],
)
def test_it_works(text: str, o200k: int, cl100k: int, estimate: int) -> None:
    assert [count(text, name) for name in ("o200k_base", "cl100k_base", "estimate")] == [o200k, cl100k, estimate]


def test_lone_surrogates_count_as_the_replacement() -> None:
    assert count("\ud800 odd", "o200k_base") == count("? odd", "o200k_base")
    assert count("\ud800", "estimate") == 1


def test_a_text_of_two_million_characters_is_counted() -> None:
    assert count("hello world " * 170_000, "o200k_base") == 340_001


def test_the_estimate_keeps_its_declared_error_on_prose() -> None:
    exact = count(PROSE, "cl100k_base")
    assert abs(count(PROSE, "estimate") - exact) / exact <= ESTIMATE_ERROR


def test_only_the_estimate_is_inexact() -> None:
    assert [is_exact(name) for name in ("o200k_base", "cl100k_base", "estimate")] == [True, True, False]


def test_an_unknown_tokenizer_is_refused() -> None:
    with pytest.raises(UnknownTokenizer) as caught:
        count("x", "p50k")
    assert caught.value.code == "unknown_tokenizer"
