"""From the bytes of a file to its text, or to a reason why not."""

import codecs
from typing import Final

from apps.contexts.exceptions import UnreadableDocument

MARKDOWN: Final = "text/markdown"
READABLE: Final = frozenset({"text/plain", MARKDOWN})
_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def load_text(data: bytes, media_type: str) -> str:
    """The text with its lines ended by a line feed; spans count its characters. Raises UnreadableDocument."""
    if media_type not in READABLE:
        raise UnreadableDocument(
            f"{media_type} is not among {', '.join(sorted(READABLE))}.", code="unsupported_media_type"
        )
    text = _decode(data).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise UnreadableDocument("The file contains NUL: it is binary, and no text.", code="not_text")
    if not text.strip():
        raise UnreadableDocument("The file has no text.", code="empty_document")
    return text


def _decode(data: bytes) -> str:
    encoding = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"Byte {error.start} is not {error.encoding}: {error.reason}."
        raise UnreadableDocument(message, code="wrong_encoding") from None
