"""Answers as JSON, written by orjson."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


class FastJSONRenderer(BaseRenderer):
    """Writes serializer data and rows of `.values()` alike: UUIDs, datetimes (UTC as `Z`) and Decimals (as strings).

    What orjson cannot write (lone surrogates, integers beyond 64 bits) is left to the standard library, ASCII-escaped.
    """

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_default, option=_OPTIONS)
        except orjson.JSONEncodeError:
            return json.dumps(data, default=_default, separators=(",", ":")).encode("ascii")


def _default(value: Any) -> Any:
    if isinstance(value, Decimal | Promise):
        return str(value)
    return JSONEncoder().default(value)
