"""JSON as bytes: one canonical form to hash, one lossless form to keep."""

import hashlib
import json
from typing import Any, Final

import orjson
import rfc8785

_BLANK: Final = b" "
"""In front of what orjson could not write: it would read an integer beyond 64 bits back as a float."""


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value: the same for every process, language and key order.

    What RFC 8785 cannot say (lone surrogates, integers beyond 2**53) is written by the standard library with keys
    sorted and ASCII escapes: as stable, if not standard. Raises ValueError for NaN, infinities and other types.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return _ascii(value, sort_keys=True)


def digest(value: Any) -> bytes:
    """SHA-256 of the canonical bytes, 32 bytes."""
    return hashlib.sha256(canonical_bytes(value)).digest()


def dump(value: Any) -> bytes:
    """Lossless JSON for journal rows; NUL, lone surrogates and integers of any size survive `load(dump(value))`."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return _BLANK + _ascii(value, sort_keys=False)


def load(data: bytes | memoryview) -> Any:
    """The value of bytes that `dump` wrote, or of any JSON."""
    if data[:1] == _BLANK:
        return json.loads(bytes(data))
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(bytes(data))


def _ascii(value: Any, *, sort_keys: bool) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"Not a JSON value: {error}") from error
    return text.encode("ascii")
