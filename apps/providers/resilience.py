"""A model that waits for its provider's rate limit and tries again as each failure deserves."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponseStreamEvent
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from apps.providers import calls
from apps.providers.persistence import Persistence
from apps.providers.retry import CLIENT_ERRORS, classify
from apps.providers.sendable import sendable

T = TypeVar("T")

SERVED_BY: Final = "model"


class ResilientModel(WrapperModel):
    """Wraps a provider's model. Raises ProviderError of the last failure, never an exception of the client's own.

    A stream is handed over with its first event; until then a failure is retried, afterwards it is raised. The answer's
    metadata names the model that served, under SERVED_BY, as `provider-slug:model-name`.
    """

    def __init__(self, wrapped: Model, persistence: Persistence) -> None:
        super().__init__(wrapped)
        self._persistence = persistence

    @property
    def model_id(self) -> str:
        return self._persistence.endpoint.label

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        async def ask(messages: list[ModelMessage]) -> ModelResponse:
            return await self.wrapped.request(messages, model_settings, model_request_parameters)

        response = await self._send(ask, messages)
        self._sign(response)
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

            async def open_stream(messages: list[ModelMessage]) -> StreamedResponse:
                opening = self.wrapped.request_stream(messages, model_settings, model_request_parameters, run_context)
                async with AsyncExitStack() as attempt:
                    response = await attempt.enter_async_context(opening)
                    await self._await_first_event(response)
                    stack.push_async_exit(attempt.pop_all())
                return response

            response = await self._send(open_stream, messages)
            self._sign(response)
            yield response

    async def _send(self, request: Callable[[list[ModelMessage]], Awaitable[T]], messages: list[ModelMessage]) -> T:
        """Looking through every message for what cannot be sent is left to the rare case that something cannot."""
        try:
            return await self._persistence.send(partial(request, messages))
        except UnicodeEncodeError:
            return await self._persistence.send(partial(request, sendable(messages)))

    def _sign(self, response: ModelResponse | StreamedResponse) -> None:
        response.metadata = {**(response.metadata or {}), SERVED_BY: self._persistence.endpoint.label}

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
            self._persistence.give_up(error, classify(error), attempts=attempt)
