"""Token counts, remembered: headings, stubs and instructions return at every step of a run."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from apps.providers.tokens import count

_SHORT: Final = 512


def counter(tokenizer: str) -> Callable[[str], int]:
    """The function that counts a text's tokens under this tokenizer. Raises UnknownTokenizer when called."""
    return partial(_count, tokenizer)


def _count(tokenizer: str, text: str) -> int:
    return _short(tokenizer, text) if len(text) <= _SHORT else _long(tokenizer, text)


@lru_cache(maxsize=32_768)
def _short(tokenizer: str, text: str) -> int:
    return count(text, tokenizer)


@lru_cache(maxsize=512)
def _long(tokenizer: str, text: str) -> int:
    return count(text, tokenizer)
