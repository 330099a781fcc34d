"""Every failure as RFC 9457 problem+json: the only place that knows which error has which HTTP status."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from django.core import exceptions as django_errors
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views import defaults
from psycopg.errors import UniqueViolation
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.core import exceptions as cef
from apps.core.exceptions import Fault
from apps.core.pointers import escape

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:problem-type:cef:"
_DATABASE_RETRY_S: Final = 2

_STATUS: Final[dict[type[cef.CefError], int]] = {
    cef.MalformedRequest: 400,
    cef.NotAuthenticated: 401,
    cef.PermissionDenied: 403,
    cef.NotFound: 404,
    cef.Conflict: 409,
    cef.Gone: 410,
    cef.PayloadTooLarge: 413,
    cef.InvalidInput: 422,
    cef.LimitExceeded: 429,
    cef.Unavailable: 503,
}

_DRF_CODES: Final[dict[int, str]] = {
    400: "malformed_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "limit_exceeded",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, ready to be written in either of the two ways Django answers."""

    status: int
    code: str
    detail: str
    errors: Sequence[Fault] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request: HttpRequest | None) -> dict[str, Any]:
        """The members of RFC 9457 and ours: `code`, `errors`, `request_id`, and the error's own details."""
        return {
            **self.extensions,
            "type": _TYPE_PREFIX + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": getattr(request, "path", None),
            "code": self.code,
            "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in self.errors],
            "request_id": getattr(request, "request_id", None),
        }

    def response(self, request: HttpRequest) -> HttpResponse:
        """The answer of a plain Django view or middleware."""
        body = orjson.dumps(self.body(request), default=str)
        return HttpResponse(body, status=self.status, content_type=MEDIA_TYPE, headers=dict(self.headers))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: an answer for every exception, without internals for the unexpected ones."""
    problem = problem_of(exc)
    if problem.status >= 500:
        logger.error("%s: %s", problem.code, exc, exc_info=exc)
    body = problem.body(context.get("request"))
    return Response(body, status=problem.status, headers=dict(problem.headers), content_type=MEDIA_TYPE)


def problem_of(exc: Exception) -> Problem:
    """The problem that an exception stands for; anything unknown is a 500 that says nothing."""
    if isinstance(exc, cef.CefError):
        return _of_cef(exc)
    if isinstance(exc, drf.APIException):
        return _of_drf(exc)
    if isinstance(exc, django_errors.ValidationError):
        return Problem(422, "invalid_input", "The input is not valid.", list(_django_faults(exc)))
    return _of_database(exc) or _of_django(exc) or Problem(500, "internal_error", "Something went wrong on our side.")


def status_of(exc: cef.CefError) -> int:
    """The HTTP status of the nearest class in the error's ancestry."""
    return next((_STATUS[kind] for kind in type(exc).__mro__ if kind in _STATUS), 500)


def _of_cef(exc: cef.CefError) -> Problem:
    status = status_of(exc)
    headers = {}
    if isinstance(exc, cef.LimitExceeded | cef.Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    detail = exc.message if status != 500 else "Something went wrong on our side."
    return Problem(status, exc.code, detail, exc.errors, exc.details, headers)


def _of_drf(exc: drf.APIException) -> Problem:
    if isinstance(exc, drf.ValidationError):
        return Problem(422, "invalid_input", "The input is not valid.", list(drf_faults(exc.detail)))
    headers = {}
    if exc.status_code == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    return Problem(exc.status_code, _DRF_CODES.get(exc.status_code, "error"), str(exc.detail), headers=headers)


def _of_database(exc: Exception) -> Problem | None:
    if isinstance(exc, OperationalError | InterfaceError):
        headers = {"Retry-After": str(_DATABASE_RETRY_S)}
        return Problem(503, "database_unavailable", "The database cannot answer now.", headers=headers)
    if isinstance(exc, DataError):
        return Problem(422, "invalid_input", "A value is one that the database cannot hold.")
    if isinstance(exc, IntegrityError) and isinstance(exc.__cause__, UniqueViolation):
        return Problem(409, "already_exists", "Another one with the same name or number exists already.")
    return None


def _of_django(exc: Exception) -> Problem | None:
    if isinstance(exc, Http404):
        return Problem(404, "not_found", "There is no such thing here.")
    if isinstance(exc, django_errors.PermissionDenied):
        return Problem(403, "permission_denied", "The credential does not permit this.")
    if isinstance(exc, django_errors.RequestDataTooBig | django_errors.TooManyFilesSent):
        return Problem(413, "payload_too_large", "The request's body is too large.")
    if isinstance(exc, django_errors.SuspiciousOperation | UnreadablePostError):
        return Problem(400, "malformed_request", "The request cannot be read.")
    return None


def drf_faults(detail: Any, pointer: str = "") -> Iterator[Fault]:
    """The faults of a DRF ValidationError's nested detail, each with the pointer to its place."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{escape(str(name))}"
            yield from drf_faults(inner, here)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            yield from drf_faults(inner, f"{pointer}/{index}" if nested else pointer)
    else:
        yield Fault(pointer, getattr(detail, "code", "invalid"), str(detail))


def _django_faults(exc: django_errors.ValidationError) -> Iterator[Fault]:
    by_field = exc.error_dict if hasattr(exc, "error_dict") else {django_errors.NON_FIELD_ERRORS: exc.error_list}
    for name, errors in by_field.items():
        pointer = "" if name == django_errors.NON_FIELD_ERRORS else f"/{escape(name)}"
        for error in errors:
            yield Fault(pointer, error.code or "invalid", " ".join(error.messages))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if _is_api(request):
        return problem_of(exception).response(request)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if _is_api(request):
        return problem_of(exception).response(request)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if _is_api(request):
        return Problem(404, "not_found", "There is no such address.").response(request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if _is_api(request):
        return Problem(500, "internal_error", "Something went wrong on our side.").response(request)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
