"""A model whose calls are paid for in advance: its answer may be no longer than the budgets allow."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from apps.core import canonical
from apps.providers import tokens
from workers.engine.purse import Price, Quote
from workers.engine.session import current_scratch, current_session

DEFAULT_OUTPUT: Final = 4_096
"""Output tokens of a budgeted call whose agent and model name no maximum."""


class BudgetedModel(WrapperModel):
    """A model whose calls are reserved for. Outside a run, and in one without ceilings, it passes requests on."""

    def __init__(self, wrapped: Model, *, tokenizer: str, price: Price, max_output: int | None) -> None:
        super().__init__(wrapped)
        self._tokenizer, self._price, self._max_output = tokenizer, price, max_output or DEFAULT_OUTPUT

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        within = await self._within_budget(messages, model_settings, model_request_parameters)
        return await super().request(messages, within, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        within = await self._within_budget(messages, model_settings, model_request_parameters)
        async with super().request_stream(messages, within, model_request_parameters, run_context) as stream:
            yield stream

    async def _within_budget(
        self, messages: list[ModelMessage], given: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelSettings | None:
        session, scratch = current_session.get(), current_scratch.get()
        if session is None or scratch is None or not session.purse.is_limited:
            return given
        wanted = (given or {}).get("max_tokens") or self._max_output
        quote = Quote(tokens.count(_words(messages, parameters), self._tokenizer), wanted, self._price)
        scratch.reserved, out = await session.purse.reserve(quote, session.spent)
        return ModelSettings(**{**(given or {}), "max_tokens": out})


def _words(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> str:
    """All that the model reads, without the files."""
    parts = [part for message in messages for part in message.parts]
    said = [_text(getattr(part, name)) for part in parts for name in ("content", "args") if hasattr(part, name)]
    instructions = [part.content for part in parameters.instruction_parts or ()]
    tools = [
        f"{tool.name} {tool.description} {_text(tool.parameters_json_schema)}" for tool in parameters.function_tools
    ]
    return "\n".join([*instructions, *tools, *said])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple) and not all(isinstance(item, dict) for item in content):
        return "\n".join(item for item in content if isinstance(item, str))
    return canonical.dump(content).decode("utf-8", "replace") if isinstance(content, dict | list) else str(content)
