"""Request bodies as JSON, read strictly: what two readers could understand differently is refused."""

import json
import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from rest_framework.parsers import BaseParser

from apps.core.exceptions import Fault, MalformedRequest, PayloadTooLarge
from apps.core.pointers import escape

MAX_DEPTH: Final = 100
_INTEGERS: Final = range(-(2**63), 2**63)
_INTEGER_DIGITS: Final = 20
_OPENING: Final = frozenset(b"[{")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# Possessive, and content with a missing end: linear whatever it is given.
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


class StrictJSONParser(BaseParser):
    """Parses `application/json` with `read_json`, never reading more than DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise PayloadTooLarge(f"A body may have {limit} bytes.", limit_bytes=limit)
        return read_json(body)


def read_json(body: bytes) -> Any:
    """The value of UTF-8 JSON bytes.

    Raises MalformedRequest with the code `malformed_json` (also NaN and Infinity), `duplicate_key`,
    `number_out_of_range` (an integer beyond 64 bits, a float beyond double precision), `json_too_deep`, or
    `invalid_text` (NUL and lone surrogates, which PostgreSQL cannot store).
    """
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    try:
        value = _DECODER.decode(body.decode())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise MalformedRequest(f"The body is not JSON: {error}.", code="malformed_json") from error
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        _check_text(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        name = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedRequest(f"The key {name[:100]!r} appears twice in one object.", code="duplicate_key")
    return value


def _integer(text: str) -> int:
    if len(text) > _INTEGER_DIGITS or (value := int(text)) not in _INTEGERS:
        raise MalformedRequest("An integer does not fit into 64 bits.", code="number_out_of_range")
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedRequest("A number is beyond double precision.", code="number_out_of_range")
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedRequest(f"{name} is not JSON.", code="malformed_json")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _check_depth(body: bytes) -> None:
    """Measure the nesting before anything recurses into it: what a deep stack does depends on thread and platform."""
    brackets = _STRINGS.sub(b"", body).translate(None, _NO_BRACKETS)
    if max(accumulate(1 if bracket in _OPENING else -1 for bracket in brackets), default=0) > MAX_DEPTH:
        message = f"JSON may be nested {MAX_DEPTH} levels deep."
        raise MalformedRequest(message, code="json_too_deep", limit=MAX_DEPTH)


def _check_text(value: Any, pointer: str = "") -> None:
    if isinstance(value, str):
        _refuse_unstorable(value, pointer)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unstorable(name, pointer)
            _check_text(inner, f"{pointer}/{escape(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{pointer}/{index}")


def _refuse_unstorable(text: str, pointer: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        fault = Fault(pointer, "invalid_text", "NUL and lone surrogates cannot be stored.")
        raise MalformedRequest("The body has text that cannot be stored.", code="invalid_text", errors=[fault])
