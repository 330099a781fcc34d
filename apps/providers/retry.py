"""What a failed model request means; `apps.core.retry` says what follows. Pure.

| seen                                                        | kind         | tried again           |
|-------------------------------------------------------------|--------------|-----------------------|
| 408, read timeout, no answer in time                        | timeout      | yes                   |
| 409, 425, 5xx, refused or dropped connection                | unavailable  | yes                   |
| 429                                                         | rate_limited | yes, after Retry-After |
| an answer that cannot be understood                         | malformed    | once                  |
| 401, 403                                                    | auth_failed  | no                    |
| 400, 404, 422 and other 4xx, quota used up, content filter  | rejected     | no                    |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)

from apps.core.retry import Backoff, Remedy, remedy_of_status
from apps.providers.exceptions import UnsafeAddress


class FailureKind(StrEnum):
    """What went wrong, as far as the next step depends on it."""

    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    MALFORMED = "malformed"
    AUTH_FAILED = "auth_failed"
    REJECTED = "rejected"

    @property
    def remedy(self) -> Remedy:
        """What may help."""
        if self in _PASSING:
            return Remedy.TRANSIENT
        return Remedy.CORRECTABLE if self is FailureKind.MALFORMED else Remedy.TERMINAL


# What clients let out when an answer is not shaped as they expect.
_MISSHAPEN: Final = (AttributeError, TypeError, LookupError, ValueError, AssertionError)
CLIENT_ERRORS: Final = (ModelAPIError, UnexpectedModelBehavior, TimeoutError, UnsafeAddress, *_MISSHAPEN)
_PASSING: Final = frozenset({FailureKind.TIMEOUT, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt: its kind, the HTTP status if there was one, the provider's words, and the wait it asked for."""

    kind: FailureKind
    detail: str
    status: int | None = None
    retry_after_s: float | None = None


class RetryPolicy(Backoff):
    """How often and how patiently a model request is tried."""

    __slots__ = ()

    def delay(self, failure: Failure, *, attempt: int, jitter: float) -> float | None:
        """Seconds until the next try after `attempt` failed so, or None to give up; see Backoff.pause."""
        return self.pause(failure.kind.remedy, attempt=attempt, jitter=jitter, retry_after_s=failure.retry_after_s)


def classify(error: Exception) -> Failure:
    """The failure that an exception of a provider's client (one of CLIENT_ERRORS) stands for."""
    if any(isinstance(cause, UnsafeAddress) for cause in _causes(error)):
        return Failure(FailureKind.REJECTED, "The provider's address is not one that the platform may connect to.")
    if isinstance(error, ModelAPIError):
        return _api_failure(error)
    if isinstance(error, ContentFilterError):
        return Failure(FailureKind.REJECTED, "The provider's content filter stopped the answer.")
    if isinstance(error, UnexpectedModelBehavior):
        return Failure(FailureKind.MALFORMED, error.message)
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.TIMEOUT, "No answer in time.")
    return Failure(FailureKind.MALFORMED, "The answer does not have the expected shape.")


def _api_failure(error: ModelAPIError) -> Failure:
    status = error.status_code if isinstance(error, ModelHTTPError) else None
    return Failure(_api_kind(error, status), _words(error), status, error.retry_after)


def _api_kind(error: ModelAPIError, status: int | None) -> FailureKind:
    """By what the client understood first (an error inside a stream has no status of its own), then by status."""
    if isinstance(error, ModelTimeoutError | ModelRequestTimeout) or status == 408:
        return FailureKind.TIMEOUT
    if isinstance(error, ModelQuotaExceededError):
        return FailureKind.REJECTED
    if isinstance(error, ModelRateLimitError) or status == 429:
        return FailureKind.RATE_LIMITED
    if isinstance(error, ModelAuthenticationError) or status in {401, 403}:
        return FailureKind.AUTH_FAILED
    if isinstance(error, ModelConnectionError):
        return FailureKind.UNAVAILABLE
    if isinstance(error, ModelRequestRejectedError):
        return FailureKind.REJECTED
    if status is not None and status >= 400:
        passing = remedy_of_status(status) is Remedy.TRANSIENT
        return FailureKind.UNAVAILABLE if passing else FailureKind.REJECTED
    undecodable = type(error) is ModelAPIError and not error.in_stream
    return FailureKind.MALFORMED if undecodable else FailureKind.UNAVAILABLE


def _words(error: ModelAPIError) -> str:
    """The provider's own sentence, when its error body has one where providers put it."""
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        words = inner.get("message") if isinstance(inner, Mapping) else inner
        return str(words or "")
    return "" if isinstance(error, ModelHTTPError) else error.message


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
