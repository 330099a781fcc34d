"""Requests are tried again as they deserve, never past a deadline, and fail with our own errors."""

import pytest

from apps.providers.calls import model_call
from apps.providers.exceptions import (
    ProviderAuthFailed,
    ProviderError,
    ProviderMalformed,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    ScriptExhausted,
)
from apps.providers.ratelimit import LocalMeter, Rate, RateLimiter
from apps.providers.retry import RetryPolicy
from tests.unit.providers.doubles import HeldClock, ask, resilient, stream, text_of


def failing(status: int, *, times: int | None = None, **error: object) -> dict[str, object]:
    turn: dict[str, object] = {"error": {"status": status, **error}, "text": "done"}
    return turn if times is None else {**turn, "times": times}


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


def test_it_works(clock: HeldClock) -> None:
    response = ask(resilient({"text": "hi"}, clock=clock))
    assert text_of(response) == "hi"
    assert response.metadata == {"model": "acme:m"}
    assert clock.slept == []


def test_a_passing_trouble_is_waited_out(clock: HeldClock) -> None:
    assert text_of(ask(resilient(failing(503, times=3), clock=clock))) == "done"
    assert clock.slept == [0.5, 1.0, 2.0]


def test_retry_after_is_waited_for(clock: HeldClock) -> None:
    assert text_of(ask(resilient(failing(429, times=1, retry_after_s=7), clock=clock))) == "done"
    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (400, ProviderRejected, 1),
        (401, ProviderAuthFailed, 1),
        (404, ProviderRejected, 1),
        (408, ProviderTimeout, 4),
        (429, ProviderRateLimited, 4),
        (500, ProviderUnavailable, 4),
    ],
)
def test_each_failure_ends_in_its_own_error(
    status: int, error: type[ProviderError], attempts: int, clock: HeldClock
) -> None:
    with pytest.raises(error) as caught:
        ask(resilient(failing(status, message="sorry"), clock=clock))
    assert type(caught.value) is error
    assert (caught.value.provider, caught.value.model, caught.value.attempts) == ("acme", "m", attempts)
    assert caught.value.status == status
    assert len(clock.slept) == attempts - 1


def test_the_codes_are_stable() -> None:
    codes = {
        ProviderUnavailable: "provider_unavailable",
        ProviderTimeout: "provider_timeout",
        ProviderRateLimited: "provider_rate_limited",
        ProviderRejected: "provider_rejected",
        ProviderAuthFailed: "provider_auth_failed",
        ProviderMalformed: "provider_malformed",
        ScriptExhausted: "script_exhausted",
    }
    assert {error: error.code for error in codes} == codes


def test_a_malformed_answer_is_asked_for_once_more(clock: HeldClock) -> None:
    with pytest.raises(ProviderMalformed) as caught:
        ask(resilient({"malformed": True}, clock=clock))
    assert caught.value.attempts == 2
    assert text_of(ask(resilient({"malformed": True, "times": 1, "text": "ok"}, clock=clock))) == "ok"


def test_an_attempt_has_its_own_time_limit(clock: HeldClock) -> None:
    with pytest.raises(ProviderTimeout) as caught:
        ask(resilient({"hang": True}, clock=clock, timeout_s=0.01))
    assert caught.value.attempts == 4
    assert text_of(ask(resilient({"hang": True, "times": 1, "text": "ok"}, clock=clock, timeout_s=0.01))) == "ok"


def test_no_wait_goes_past_the_deadline(clock: HeldClock) -> None:
    with model_call(deadline=clock.time + 1.4), pytest.raises(ProviderUnavailable) as caught:
        ask(resilient(failing(503), clock=clock))
    assert caught.value.attempts == 2
    assert clock.slept == [0.5]


def test_nothing_is_sent_after_the_deadline(clock: HeldClock) -> None:
    with model_call(deadline=clock.time), pytest.raises(ProviderTimeout) as caught:
        ask(resilient({"text": "too late"}, clock=clock))
    assert caught.value.attempts == 0


def test_secrets_are_cut_out_of_what_the_provider_says(clock: HeldClock) -> None:
    model = resilient(failing(400, message="bad key sk-secret-1234 given"), clock=clock, secrets=("sk-secret-1234",))
    with pytest.raises(ProviderRejected) as caught:
        ask(model)
    assert caught.value.message == "The provider 'acme' refused the request (HTTP 400): bad key *** given"


def test_nothing_is_quoted_of_refused_credentials(clock: HeldClock) -> None:
    with pytest.raises(ProviderAuthFailed) as caught:
        ask(resilient(failing(401, message="bad key sk-other"), clock=clock))
    assert caught.value.message == "The provider 'acme' refused the credentials (HTTP 401)."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_long_words_of_the_provider_are_cut(clock: HeldClock) -> None:
    with pytest.raises(ProviderRejected) as caught:
        ask(resilient(failing(400, message="x" * 5000), clock=clock))
    assert len(caught.value.message) < 400


def test_the_end_of_a_script_is_not_retried(clock: HeldClock) -> None:
    with model_call(number=1), pytest.raises(ScriptExhausted):
        ask(resilient({"text": "only one"}, clock=clock))
    assert clock.slept == []


def test_a_stream_is_retried_until_its_first_event(clock: HeldClock) -> None:
    turn = {"error": {"status": 503}, "times": 2, "text": "abcd", "chunks": 2}
    pieces, response = stream(resilient(turn, clock=clock))
    assert pieces == ["ab", "cd"]
    assert text_of(response) == "abcd"
    assert response.metadata == {"model": "acme:m"}
    assert clock.slept == [0.5, 1.0]


def test_a_stream_that_never_begins_times_out(clock: HeldClock) -> None:
    with pytest.raises(ProviderTimeout):
        stream(resilient({"text": "ab", "latency_s": 60}, clock=clock, timeout_s=0.01))


def test_an_empty_stream_is_handed_over(clock: HeldClock) -> None:
    pieces, response = stream(resilient({"latency_s": 0}, clock=clock))
    assert pieces == []
    assert response.parts == []


def test_the_rate_limit_is_asked_before_each_attempt(clock: HeldClock) -> None:
    limiter = RateLimiter("k", Rate.per_minute(6), LocalMeter(clock), sleep=clock.sleep)
    model = resilient(failing(503, times=1), clock=clock, limiter=limiter)
    assert text_of(ask(model)) == "done"
    assert clock.slept == [0.5, 9.5]


def test_a_limit_that_is_booked_out_until_the_deadline_fails_at_once(clock: HeldClock) -> None:
    meter = LocalMeter(clock)
    limiter = RateLimiter("k", Rate.per_minute(1), meter, sleep=clock.sleep)
    ask(resilient({"text": "first"}, clock=clock, limiter=limiter))
    with model_call(deadline=clock.time + 59), pytest.raises(ProviderRateLimited) as caught:
        ask(resilient({"text": "second"}, clock=clock, limiter=limiter))
    assert caught.value.attempts == 0
    assert clock.slept == []
    assert meter.book("k", Rate.per_minute(1), 60.0) == 60.0


def test_an_impatient_policy_tries_once(clock: HeldClock) -> None:
    with pytest.raises(ProviderUnavailable):
        ask(resilient(failing(503), clock=clock, policy=RetryPolicy(attempts=1)))
    assert clock.slept == []
