"""Lists by keyset: a page starts after the last row of the one before, so its cost does not grow with its distance."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.exceptions import Fault, InvalidInput, MalformedRequest

MAX_LIMIT: Final = 100
DEFAULT_LIMIT: Final = 50
_SALT: Final = "cef.cursor"


class KeysetPagination(BasePagination):
    """Pages of `limit` rows in the order of the view's `ordering` (default `-id`, the newest first).

    `ordering` is one field or several, not null and together unique; rows are models or dicts of `.values()` that hold
    these fields. The cursor is signed for the address, the workspace, the filters and the order it was made for:
    anywhere else it is refused with 400 `invalid_cursor`. One query, no count.
    """

    ordering: str | Sequence[str] = "-id"

    def paginate_queryset(  # type: ignore[override]  # a keyset needs a queryset, not any sequence
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        ordering = getattr(view, "ordering", None) or self.ordering
        self.order = (ordering,) if isinstance(ordering, str) else tuple(ordering)
        self.request = request
        limit = _limit(request)
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            queryset = queryset.filter(_after(self.order, self._open(cursor)))
        rows = list(queryset.order_by(*self.order)[: limit + 1])
        self.has_more = len(rows) > limit
        self.page = rows[:limit]
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        next_cursor = self._seal(self.page[-1]) if self.has_more else None
        headers = {"Link": f'<{self._url(next_cursor)}>; rel="next"'} if next_cursor else None
        return Response({"data": data, "next_cursor": next_cursor, "has_more": self.has_more}, headers=headers)

    def _signer(self) -> signing.Signer:
        principal = getattr(self.request, "principal", None)
        filters = sorted((k, v) for k, v in self.request.query_params.lists() if k not in {"cursor", "limit"})
        place = [self.request.path, str(getattr(principal, "workspace_id", "")), filters, self.order]
        return signing.Signer(salt=_SALT + hashlib.sha256(orjson.dumps(place)).hexdigest())

    def _seal(self, row: Model | Mapping[str, Any]) -> str:
        names = [name.removeprefix("-") for name in self.order]
        values = [row[name] if isinstance(row, Mapping) else getattr(row, name) for name in names]
        return self._signer().sign(signing.b64_encode(orjson.dumps(values)).decode())

    def _open(self, cursor: str) -> list[Any]:
        try:
            values: list[Any] = orjson.loads(signing.b64_decode(self._signer().unsign(cursor).encode()))
        except signing.BadSignature:
            raise MalformedRequest("The cursor was not made for this list.", code="invalid_cursor") from None
        return values

    def _url(self, cursor: str) -> str:
        query = [(k, v) for k, values in self.request.query_params.lists() for v in values if k != "cursor"]
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode([*query, ('cursor', cursor)])}")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            _parameter("limit", "Rows of a page.", limit),
            _parameter("cursor", "`next_cursor` of the page before, with the same filters.", {"type": "string"}),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next_cursor", "has_more"],
            "properties": {
                "data": schema,
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Pass it as `cursor` for the next page.",
                    "example": "WyIwMTlh…:3Vh9Jq…",
                },
                "has_more": {"type": "boolean", "example": True},
            },
        }


def _limit(request: Request) -> int:
    given = request.query_params.get("limit")
    if given is None:
        return DEFAULT_LIMIT
    if given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= MAX_LIMIT:
        return int(given)
    fault = Fault("/limit", "invalid", f"A whole number between 1 and {MAX_LIMIT}.")
    raise InvalidInput("The input is not valid.", errors=[fault])


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows behind the given one: (a, b) > (x, y) as a > x OR (a = x AND b > y), each field in its own direction."""
    names = [name.removeprefix("-") for name in order]
    tiers = []
    for index, name in enumerate(names):
        same = dict(zip(names[:index], values, strict=False))
        operator = "lt" if order[index].startswith("-") else "gt"
        tiers.append(Q(**same, **{f"{name}__{operator}": values[index]}))
    return reduce(or_, tiers)


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
