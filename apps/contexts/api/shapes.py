"""How examples hang on serializers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample


def answer(value: Any) -> list[OpenApiExample]:
    """The example of an answer."""
    return [OpenApiExample("Answer", value=value, response_only=True, status_codes=["200", "201", "202"])]


def request(value: Any) -> list[OpenApiExample]:
    """The example of a request."""
    return [OpenApiExample("Request", value=value, request_only=True)]
