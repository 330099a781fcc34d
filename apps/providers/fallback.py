"""A chain of models: the next one is tried when the one before gave up with a passing trouble."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from pydantic_ai import RunContext
from pydantic_ai.exceptions import FallbackExceptionGroup
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.settings import ModelSettings

from apps.providers.exceptions import PassingProviderError


class FallbackChain(FallbackModel):
    """pydantic-ai's fallback model over our resilient ones. When all gave up it raises the first one's error."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__(models[0], *models[1:], fallback_on=(PassingProviderError,))

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        try:
            return await super().request(messages, model_settings, model_request_parameters)
        except FallbackExceptionGroup as group:
            _raise_first(group)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        try:
            async with super().request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as response:
                yield response
        except FallbackExceptionGroup as group:
            _raise_first(group)


def _raise_first(group: FallbackExceptionGroup) -> NoReturn:
    """The first error, told which models gave up after it."""
    first, *others = (error for error in group.exceptions if isinstance(error, PassingProviderError))
    first.details["fallbacks"] = [{"model": f"{e.provider}:{e.model}", "code": e.code} for e in others]
    if others:
        first.message += f" So did its fallback: {', '.join(f'{e.provider}:{e.model} ({e.code})' for e in others)}."
        first.args = (first.message,)
    raise first
