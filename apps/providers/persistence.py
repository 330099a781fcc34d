"""Sending one request to a provider for as long as it deserves: rate limit, deadline, retries, and our own errors."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final, NoReturn, TypeVar

from apps.core.clock import Clock, SystemClock
from apps.providers import calls
from apps.providers.exceptions import (
    ProviderAuthFailed,
    ProviderError,
    ProviderMalformed,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from apps.providers.ratelimit import RateLimiter
from apps.providers.retry import CLIENT_ERRORS, Failure, FailureKind, RetryPolicy, classify

T = TypeVar("T")

_LONGEST_DETAIL: Final = 300
_ERRORS: Final[dict[FailureKind, tuple[type[ProviderError], str]]] = {
    FailureKind.TIMEOUT: (ProviderTimeout, "did not answer in time"),
    FailureKind.UNAVAILABLE: (ProviderUnavailable, "could not be reached or could not serve"),
    FailureKind.RATE_LIMITED: (ProviderRateLimited, "allows no more requests now"),
    FailureKind.MALFORMED: (ProviderMalformed, "gave an answer that could not be understood"),
    FailureKind.AUTH_FAILED: (ProviderAuthFailed, "refused the credentials"),
    FailureKind.REJECTED: (ProviderRejected, "refused the request"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom a request goes to and how long one attempt may take: the whole answer, or a stream's first event.

    `secrets` are cut out of whatever the provider says.
    """

    provider: str
    model: str
    timeout_s: float
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def label(self) -> str:
        return f"{self.provider}:{self.model}"


@dataclass(frozen=True, slots=True)
class Patience:
    """What retrying leans on, so that a test can hold the clock, the sleep and the dice."""

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


class Persistence:
    """Sends requests to one endpoint. Nothing is tried or waited for past the deadline of `calls.model_call`."""

    def __init__(
        self, endpoint: Endpoint, limiter: RateLimiter | None = None, patience: Patience | None = None
    ) -> None:
        self.endpoint = endpoint
        self._limiter = limiter
        self._patience = patience or Patience()

    async def send(self, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to a request that may be made again.

        Raises ProviderError of the last failure, and UnicodeEncodeError for a request that cannot be sent.
        """
        attempt = 0
        while True:
            attempt += 1
            await self._await_turn(attempt)
            calls.begin_attempt(attempt)
            try:
                async with asyncio.timeout(min(self.endpoint.timeout_s, self._time_left())):
                    return await request()
            except UnicodeEncodeError:  # of the request, and no answer that is misshapen
                raise
            except CLIENT_ERRORS as error:
                failure = classify(error)
                pause = self._pause(failure, attempt)
                if pause is None:
                    self.give_up(error, failure, attempts=attempt)
            await self._patience.sleep(pause)

    def give_up(self, error: Exception, failure: Failure, *, attempts: int) -> NoReturn:
        """Raise our own error for the client's."""
        # What a provider says about bad credentials may quote them; it is not kept as the cause either.
        cause = None if failure.kind is FailureKind.AUTH_FAILED else error
        raise self._error(failure, attempts=attempts) from cause

    async def _await_turn(self, attempt: int) -> None:
        """Wait for the rate limit. Raises ProviderTimeout or ProviderRateLimited when the deadline leaves no room."""
        left = self._time_left()
        if left <= 0:
            raise self._error(Failure(FailureKind.TIMEOUT, "The caller's deadline has passed."), attempts=attempt - 1)
        if self._limiter is not None and not await self._limiter.wait(left):
            detail = "Its limit of requests per minute is booked out."
            raise self._error(Failure(FailureKind.RATE_LIMITED, detail), attempts=attempt - 1)

    def _pause(self, failure: Failure, attempt: int) -> float | None:
        pause = self._patience.policy.delay(failure, attempt=attempt, jitter=self._patience.jitter())
        return pause if pause is not None and pause < self._time_left() else None

    def _time_left(self) -> float:
        deadline = calls.current().deadline
        return inf if deadline is None else deadline - self._patience.clock.monotonic()

    def _error(self, failure: Failure, *, attempts: int) -> ProviderError:
        kind, did = _ERRORS[failure.kind]
        status = f" (HTTP {failure.status})" if failure.status else ""
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        said = "" if failure.kind is FailureKind.AUTH_FAILED else self._safe(failure.detail)
        return kind(
            f"The provider {self.endpoint.provider!r} {did}{status}{tries}{': ' if said else '.'}{said}",
            provider=self.endpoint.provider,
            model=self.endpoint.model,
            attempts=attempts,
            status=failure.status,
        )

    def _safe(self, detail: str) -> str:
        for secret in self.endpoint.secrets:
            detail = detail.replace(secret, "***")
        return detail[:_LONGEST_DETAIL]
