"""Token counts; the only place that counts.

`o200k_base` and `cl100k_base` are exact for the models that use them. `estimate` is for the rest, whose tokenizers are
not published: a token for each four bytes of UTF-8. On English prose and source code that is 7 to 30 % above cl100k, so
it leans to the safe side; dense JSON and tables can lie below.
"""

from functools import lru_cache
from importlib import import_module
from typing import Final, Protocol

from apps.providers.exceptions import UnknownTokenizer
from apps.providers.kinds import Tokenizer

ESTIMATE_BYTES_PER_TOKEN: Final = 4
ESTIMATE_ERROR: Final = 0.30


class _Encoding(Protocol):
    def count(self, text: str) -> int: ...


_EXACT: Final = frozenset({Tokenizer.O200K, Tokenizer.CL100K})


def count(text: str, tokenizer: str) -> int:
    """The number of tokens of the text. Special tokens count as the plain text they are. Raises UnknownTokenizer."""
    if tokenizer == Tokenizer.ESTIMATE:
        return -(-len(text.encode("utf-8", "surrogatepass")) // ESTIMATE_BYTES_PER_TOKEN)
    return _encoding(tokenizer).count(_plain(text))


def is_exact(tokenizer: str) -> bool:
    """Whether counts under this tokenizer are exact, or an estimate."""
    return tokenizer in _EXACT


@lru_cache(maxsize=4)
def _encoding(tokenizer: str) -> _Encoding:
    # The package's tiktoken-like face has no `count` and refuses a million characters; its Rust core takes any length.
    # Importing it builds every encoding that it knows, a third of a second that processes which never count do not pay.
    if tokenizer not in _EXACT:
        raise UnknownTokenizer(f"There is no tokenizer {tokenizer!r}; choose from {', '.join(Tokenizer.values)}.")
    encoding: _Encoding = import_module("bpe_openai._bindings").tokenizer_for_encoding(tokenizer)
    return encoding


def _plain(text: str) -> str:
    """The text with lone surrogates replaced, which the tokenizer cannot take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
