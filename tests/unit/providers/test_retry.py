"""What a failed request means, and whether and when it is tried again."""

import pytest
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)

from apps.providers.exceptions import UnsafeAddress
from apps.providers.retry import Failure, FailureKind, RetryPolicy, classify

POLICY = RetryPolicy()


def http(status: int, **kwargs: object) -> ModelHTTPError:
    return ModelHTTPError(status, "m", **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.REJECTED),
        (401, FailureKind.AUTH_FAILED),
        (402, FailureKind.REJECTED),
        (403, FailureKind.AUTH_FAILED),
        (404, FailureKind.REJECTED),
        (408, FailureKind.TIMEOUT),
        (409, FailureKind.UNAVAILABLE),
        (413, FailureKind.REJECTED),
        (422, FailureKind.REJECTED),
        (425, FailureKind.UNAVAILABLE),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.UNAVAILABLE),
        (502, FailureKind.UNAVAILABLE),
        (503, FailureKind.UNAVAILABLE),
        (504, FailureKind.UNAVAILABLE),
        (529, FailureKind.UNAVAILABLE),
    ],
)
def test_each_status_has_its_kind(status: int, kind: FailureKind) -> None:
    assert classify(http(status)) == Failure(kind, "", status)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelTimeoutError("m", "read timed out"), FailureKind.TIMEOUT),
        (ModelConnectionError("m", "connection refused"), FailureKind.UNAVAILABLE),
        (ModelRateLimitError("m", "slow down", in_stream=True), FailureKind.RATE_LIMITED),
        (ModelQuotaExceededError("m", "pay first"), FailureKind.REJECTED),
        (ModelHTTPError.for_category(ModelQuotaExceededError, status_code=429, model_name="m"), FailureKind.REJECTED),
        (ModelAPIError("m", "failed to decode"), FailureKind.MALFORMED),
        (ModelAPIError("m", "server error", in_stream=True), FailureKind.UNAVAILABLE),
        (UnexpectedModelBehavior("no choices"), FailureKind.MALFORMED),
        (ContentFilterError("filtered"), FailureKind.REJECTED),
        (TimeoutError(), FailureKind.TIMEOUT),
        (AttributeError("'str' object has no attribute 'finish_reason'"), FailureKind.MALFORMED),
        (KeyError("choices"), FailureKind.MALFORMED),
    ],
)
def test_each_exception_has_its_kind(error: Exception, kind: FailureKind) -> None:
    assert classify(error).kind is kind


def test_an_address_that_was_refused_while_connecting_is_final() -> None:
    wrapped = ModelConnectionError("m", "connection error")
    wrapped.__cause__ = refused = UnsafeAddress("no")
    assert classify(wrapped).kind is classify(refused).kind is FailureKind.REJECTED


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "model is busy"}}, "model is busy"),
        ({"error": "busy"}, "busy"),
        ({"message": "busy"}, "busy"),
        ({"error": None}, ""),
        ({"error": {"code": 1}}, ""),
        ("<html>", ""),
        (None, ""),
    ],
)
def test_the_providers_words_are_found(body: object, words: str) -> None:
    assert classify(http(503, body=body)).detail == words


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED])
def test_a_passing_trouble_is_tried_four_times(kind: FailureKind) -> None:
    delays = [POLICY.delay(Failure(kind, ""), attempt=n, jitter=1.0) for n in (1, 2, 3, 4)]
    assert delays == [0.5, 1.0, 2.0, None]


def test_a_malformed_answer_is_asked_for_once_more() -> None:
    failure = Failure(FailureKind.MALFORMED, "")
    assert [POLICY.delay(failure, attempt=n, jitter=1.0) for n in (1, 2)] == [0.5, None]


@pytest.mark.parametrize("kind", [FailureKind.AUTH_FAILED, FailureKind.REJECTED])
def test_a_final_failure_is_not_tried_again(kind: FailureKind) -> None:
    assert POLICY.delay(Failure(kind, "", retry_after_s=1), attempt=1, jitter=1.0) is None


def test_jitter_spreads_over_the_upper_half() -> None:
    failure = Failure(FailureKind.UNAVAILABLE, "")
    assert POLICY.delay(failure, attempt=2, jitter=0.0) == 0.5
    assert POLICY.delay(failure, attempt=2, jitter=0.5) == 0.75


def test_the_backoff_has_a_ceiling() -> None:
    patient = RetryPolicy(attempts=20)
    assert patient.delay(Failure(FailureKind.UNAVAILABLE, ""), attempt=15, jitter=1.0) == 20.0


@pytest.mark.parametrize(("asked", "waited"), [(3.0, 3.0), (0.1, 0.5), (600.0, 60.0), (None, 0.5)])
def test_retry_after_is_honoured_up_to_a_cap(asked: float | None, waited: float) -> None:
    failure = Failure(FailureKind.RATE_LIMITED, "", 429, asked)
    assert POLICY.delay(failure, attempt=1, jitter=1.0) == waited
