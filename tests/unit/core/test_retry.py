"""What a failure asks for, and how long to wait before another try."""

import pytest

from apps.core.exceptions import Conflict, InvalidInput, LimitExceeded, MalformedRequest, NotFound, Unavailable
from apps.core.retry import Backoff, Remedy, remedy_of, remedy_of_status
from apps.providers.retry import FailureKind
from apps.tools.exceptions import ToolFailed, ToolInputInvalid, ToolOutputInvalid, ToolTimeout, ToolUnavailable

TRANSIENT, CORRECTABLE, TERMINAL = Remedy


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (LimitExceeded(), TRANSIENT),
        (Unavailable(), TRANSIENT),
        (InvalidInput(), CORRECTABLE),
        (MalformedRequest(), TERMINAL),
        (NotFound(), TERMINAL),
        (Conflict(), TERMINAL),
    ],
)
def test_refusals_of_the_platform(error, remedy) -> None:
    assert remedy_of(error) is remedy


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ToolInputInvalid("Wrong."), CORRECTABLE),
        (ToolFailed("Busy.", retryable=True), TRANSIENT),
        (ToolTimeout("Slow.", retryable=True), TRANSIENT),
        (ToolFailed("No."), TERMINAL),
        (ToolOutputInvalid("Odd."), TERMINAL),
        (ToolUnavailable("Gone."), TERMINAL),
    ],
)
def test_failures_of_tools(error, remedy) -> None:
    assert error.remedy is remedy


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        (FailureKind.TIMEOUT, TRANSIENT),
        (FailureKind.UNAVAILABLE, TRANSIENT),
        (FailureKind.RATE_LIMITED, TRANSIENT),
        (FailureKind.MALFORMED, CORRECTABLE),
        (FailureKind.AUTH_FAILED, TERMINAL),
        (FailureKind.REJECTED, TERMINAL),
    ],
)
def test_failures_of_providers(kind, remedy) -> None:
    assert kind.remedy is remedy


def test_answers_over_http() -> None:
    passing = {status for status in range(400, 600) if remedy_of_status(status) is TRANSIENT}
    assert passing == {408, 409, 425, 429, *range(500, 600)}


def test_how_often() -> None:
    backoff = Backoff()
    assert [backoff.pause(TRANSIENT, attempt=n, jitter=1.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]
    assert [backoff.pause(CORRECTABLE, attempt=n, jitter=1.0) for n in (1, 2)] == [0.5, None]
    assert backoff.pause(TERMINAL, attempt=1, jitter=1.0, retry_after_s=1.0) is None
    assert Backoff(attempts=1).pause(CORRECTABLE, attempt=1, jitter=0.0) is None


@pytest.mark.parametrize(("asked", "waited"), [(3.0, 3.0), (0.1, 0.25), (600.0, 60.0), (None, 0.25)])
def test_a_wait_that_was_asked_for_is_kept_up_to_a_cap(asked, waited) -> None:
    assert Backoff().pause(TRANSIENT, attempt=1, jitter=0.0, retry_after_s=asked) == waited
