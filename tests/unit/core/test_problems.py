"""Each failure has one status, one code, and no internals."""

import json
from http import HTTPStatus

import pytest
from django.core import exceptions as django_errors
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions as drf

from apps.core import exceptions as cef
from apps.core.exceptions import Fault
from apps.core.problems import exception_handler, problem_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (cef.MalformedRequest(), 400, "malformed_request"),
        (cef.NotAuthenticated(), 401, "not_authenticated"),
        (cef.PermissionDenied(), 403, "permission_denied"),
        (cef.NotFound("No run.", code="run_not_found"), 404, "run_not_found"),
        (cef.Conflict(), 409, "conflict"),
        (cef.PayloadTooLarge(), 413, "payload_too_large"),
        (cef.InvalidInput(), 422, "invalid_input"),
        (cef.LimitExceeded(), 429, "limit_exceeded"),
        (cef.Unavailable(), 503, "unavailable"),
        (cef.Undecryptable(), 500, "undecryptable"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.NotAcceptable(), 406, "not_acceptable"),
        (drf.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
        (drf.Throttled(wait=3), 429, "limit_exceeded"),
        (drf.ParseError(), 400, "malformed_request"),
        (Http404(), 404, "not_found"),
        (django_errors.PermissionDenied(), 403, "permission_denied"),
        (django_errors.SuspiciousOperation(), 400, "malformed_request"),
        (django_errors.RequestDataTooBig(), 413, "payload_too_large"),
        (OperationalError("server closed the connection"), 503, "database_unavailable"),
        (DataError("NUL"), 422, "invalid_input"),
        (IntegrityError("not null"), 500, "internal_error"),
        (ZeroDivisionError("secret detail"), 500, "internal_error"),
    ],
)
def test_status_and_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)


def test_a_subclass_answers_as_its_nearest_ancestor() -> None:
    class RunBusy(cef.Conflict):
        """The run is busy."""

        code = "run_busy"

    problem = problem_of(RunBusy())
    assert (problem.status, problem.code, problem.detail) == (409, "run_busy", "The run is busy.")


def test_details_and_faults_are_members_of_the_body() -> None:
    error = cef.InvalidInput("No.", errors=[Fault("/input", "too_long", "Too long.")], limit=5)
    request = RequestFactory().get("/api/v1/runs?x=1")
    request.request_id = "r-1"  # type: ignore[attr-defined]
    assert problem_of(error).body(request) == {
        "type": "urn:problem-type:cef:invalid_input",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "No.",
        "instance": "/api/v1/runs",
        "code": "invalid_input",
        "errors": [{"pointer": "/input", "code": "too_long", "detail": "Too long."}],
        "request_id": "r-1",
        "limit": 5,
    }


def test_a_detail_cannot_pose_as_the_status() -> None:
    assert problem_of(cef.Conflict("No.", status=200)).body(None)["status"] == 409


def test_headers_tell_when_to_try_again_and_how_to_sign_in() -> None:
    assert problem_of(cef.Unavailable("Paused.", retry_after=29.2)).headers == {"Retry-After": "30"}
    assert problem_of(cef.LimitExceeded(retry_after=0)).headers == {"Retry-After": "1"}
    assert problem_of(OperationalError()).headers == {"Retry-After": "2"}
    assert problem_of(cef.NotAuthenticated()).headers == {"WWW-Authenticate": 'Bearer realm="api"'}


def test_nested_validation_errors_become_pointers() -> None:
    detail = {
        "name": [drf.ErrorDetail("Required.", "required")],
        "limits": {"a/b": [drf.ErrorDetail("Bad.", "invalid")], "non_field_errors": [drf.ErrorDetail("Odd.", "odd")]},
        "tools": [{}, {"name": [drf.ErrorDetail("No.", "unknown")]}],
    }
    faults = problem_of(drf.ValidationError(detail)).errors
    assert [(fault.pointer, fault.code, fault.detail) for fault in faults] == [
        ("/name", "required", "Required."),
        ("/limits/a~1b", "invalid", "Bad."),
        ("/limits", "odd", "Odd."),
        ("/tools/1/name", "unknown", "No."),
    ]


def test_model_validation_becomes_faults() -> None:
    error = django_errors.ValidationError({"slug": ["Taken."], "__all__": ["Odd pair."]}, code="x")
    assert [(fault.pointer, fault.detail) for fault in problem_of(error).errors] == [
        ("/slug", "Taken."),
        ("", "Odd pair."),
    ]


def test_the_unexpected_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    request = RequestFactory().get("/api/v1/runs")
    response = exception_handler(ZeroDivisionError("secret detail"), {"request": request})
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert "secret detail" not in json.dumps(response.data)
    assert "secret detail" in caplog.text


def test_an_undecryptable_secret_is_not_explained_to_callers() -> None:
    assert problem_of(cef.Undecryptable("key k7 is not here", kid="k7")).detail == "Something went wrong on our side."
