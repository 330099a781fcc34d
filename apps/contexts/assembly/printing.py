"""How an item looks in the prompt.

Every printed item starts with a character that is no white space and ends with an empty line. The tokenizers of the
o200k and cl100k families never join across such a seam, so the tokens of a region are the sum of its items' tokens.
The one exception is a text that starts with a slash, which they take together with line breaks and the sign before
them; such a text is counted together with what stands before it.
"""

import hashlib
from enum import StrEnum
from typing import Final

from apps.contexts.assembly.candidates import Layer

SEAM: Final = ".\n\n"  # how an item may end that stands before another


class Mode(StrEnum):
    """How much of an item is printed."""

    FULL = "full"
    SUMMARY = "summary"
    STUB = "stub"
    OMITTED = "omitted"


def body(text: str) -> str:
    """The content as it is printed below its heading."""
    return text.strip() + "\n\n"


def heading(layer: Layer, title: str) -> str:
    """The line above the content; instructions and the question stand for themselves."""
    if layer in (Layer.INSTRUCTIONS, Layer.QUESTION):
        return ""
    return f"## {one_line(title)}\n"


def stub(title: str, ref: str, tokens: int) -> str:
    """One line in the place of an item that did not fit: what it is, its size, and how to open it."""
    return f"- {one_line(title)} ({tokens} tokens, open_reference {ref})\n\n"


def one_line(title: str) -> str:
    """The title without line breaks or doubled spaces."""
    return " ".join(title.split())


def utf8(text: str) -> str:
    """The text with lone surrogates replaced: a prompt is UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text_digest(text: str) -> bytes:
    """SHA-256 of the text as it is printed and stored."""
    return hashlib.sha256(utf8(text).encode()).digest()
