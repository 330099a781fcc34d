"""A model that waits for its provider's rate limit and tries again as each failure deserves."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Final, NoReturn, TypeVar

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponseStreamEvent
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

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

SERVED_BY: Final = "model"
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
    """Whom a request goes to and how long one attempt may take: the whole answer, or a stream's first event."""

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


class ResilientModel(WrapperModel):
    """Wraps a provider's model. Raises ProviderError of the last failure, never an exception of the client's own.

    Nothing is tried or waited for past the deadline of `calls.model_call`. A stream is handed over with its first
    event; until then a failure is retried, afterwards it is raised. The answer's metadata names the model that served,
    under SERVED_BY, as `provider-slug:model-name`.
    """

    def __init__(
        self, wrapped: Model, endpoint: Endpoint, limiter: RateLimiter | None = None, patience: Patience | None = None
    ) -> None:
        super().__init__(wrapped)
        self._endpoint = endpoint
        self._limiter = limiter
        self._patience = patience or Patience()

    @property
    def model_id(self) -> str:
        return self._endpoint.label

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        send = partial(self.wrapped.request, messages, model_settings, model_request_parameters)
        response = await self._persistently(send)
        response.metadata = {**(response.metadata or {}), SERVED_BY: self._endpoint.label}
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with AsyncExitStack() as stack:

            async def open_stream() -> StreamedResponse:
                async with AsyncExitStack() as attempt:
                    opening = self.wrapped.request_stream(
                        messages, model_settings, model_request_parameters, run_context
                    )
                    response = await attempt.enter_async_context(opening)
                    await self._await_first_event(response)
                    stack.push_async_exit(attempt.pop_all())
                return response

            response = await self._persistently(open_stream)
            response.metadata = {**(response.metadata or {}), SERVED_BY: self._endpoint.label}
            yield response

    async def _await_first_event(self, response: StreamedResponse) -> None:
        events = aiter(response)
        first = await anext(events, None)
        if first is not None:
            # A streamed response hands out the iterator that it keeps here; there is no public way to put one back.
            response._event_iterator = self._translated(first, events, calls.current().attempt)

    async def _translated(
        self, first: ModelResponseStreamEvent, events: AsyncIterator[ModelResponseStreamEvent], attempt: int
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        yield first
        try:
            async for event in events:
                yield event
        except CLIENT_ERRORS as error:
            self._give_up(error, classify(error), attempts=attempt)

    async def _persistently(self, send: Callable[[], Awaitable[T]]) -> T:
        attempt = 0
        while True:
            attempt += 1
            await self._await_turn(attempt)
            calls.begin_attempt(attempt)
            try:
                async with asyncio.timeout(min(self._endpoint.timeout_s, self._time_left())):
                    return await send()
            except CLIENT_ERRORS as error:
                failure = classify(error)
                pause = self._pause(failure, attempt)
                if pause is None:
                    self._give_up(error, failure, attempts=attempt)
            await self._patience.sleep(pause)

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

    def _give_up(self, error: Exception, failure: Failure, *, attempts: int) -> NoReturn:
        # What the provider says about bad credentials may quote them; it is not kept as the cause either.
        cause = None if failure.kind is FailureKind.AUTH_FAILED else error
        raise self._error(failure, attempts=attempts) from cause

    def _error(self, failure: Failure, *, attempts: int) -> ProviderError:
        kind, did = _ERRORS[failure.kind]
        status = f" (HTTP {failure.status})" if failure.status else ""
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        said = "" if failure.kind is FailureKind.AUTH_FAILED else self._safe(failure.detail)
        return kind(
            f"The provider {self._endpoint.provider!r} {did}{status}{tries}{': ' if said else '.'}{said}",
            provider=self._endpoint.provider,
            model=self._endpoint.model,
            attempts=attempts,
            status=failure.status,
        )

    def _safe(self, detail: str) -> str:
        for secret in self._endpoint.secrets:
            detail = detail.replace(secret, "***")
        return detail[:_LONGEST_DETAIL]
