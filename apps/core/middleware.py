"""An id for every request, in its answer and in every line it logs."""

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.core.ids import new_id
from apps.core.logs import log_fields

_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIdMiddleware:
    """Takes `Request-Id` from the caller when it is harmless, else makes one; `request.request_id` holds it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        request.request_id = request_id  # type: ignore[attr-defined]
        with log_fields(request_id=request_id):
            response = self.get_response(request)
        response["Request-Id"] = request_id
        return response


def request_id_of(request: HttpRequest) -> str:
    """The caller's id for the request when it is harmless, else a new one."""
    given = request.headers.get("Request-Id", "")
    return given if _ACCEPTABLE.fullmatch(given) else str(new_id())
