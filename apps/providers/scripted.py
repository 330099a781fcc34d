"""A model provider that plays a declared script: deterministic, offline, and cheap enough for benchmarks.

The turn to play is the number of the run's model call, so that any process plays it alike: the number that the caller
declared (`calls.model_call`), else the count of model responses in the messages. See `script.py` for the format.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from apps.providers import calls
from apps.providers.exceptions import ScriptExhausted
from apps.providers.script import Failing, PlannedCall, Script, Turn

PROVIDER_NAME: Final = "scripted"
_PLACEHOLDER: Final = re.compile(r"\{(input|last_tool_result)\}")
_PROFILE: Final = ModelProfile(supports_json_schema_output=True, supports_json_object_output=True)


class ScriptedModel(Model[None]):
    """Plays a script; fails as a real provider's client does when a turn says so, with ScriptExhausted at the end."""

    _announces_lookalike_notes = False

    def __init__(self, name: str, script: Script, *, provider: str = PROVIDER_NAME) -> None:
        super().__init__(profile=_PROFILE)
        self._name = name
        self._script = script
        self._provider_slug = provider

    @property
    def provider(self) -> None:
        return None

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return PROVIDER_NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        turn = await self._next_turn(messages)
        if turn.latency_s:
            await asyncio.sleep(turn.latency_s)
        parts = _parts(turn, messages)
        return ModelResponse(
            parts=parts,
            usage=_usage(turn, messages, parts),
            model_name=self._name,
            provider_name=PROVIDER_NAME,
            finish_reason="tool_call" if turn.tool_calls else "stop",
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        turn = await self._next_turn(messages)
        yield ScriptedStream(model_request_parameters, turn, _parts(turn, messages), messages, self._name)

    async def _next_turn(self, messages: Sequence[ModelMessage]) -> Turn:
        frame = calls.current()
        number = _responses(messages) if frame.number is None else frame.number
        turn = self._script.turn(number)
        if turn is None:
            raise ScriptExhausted(
                f"The script of {self._name!r} has {len(self._script.turns)} turns; call {number + 1} found none left.",
                provider=self._provider_slug,
                model=self._name,
            )
        failing = turn.failing
        if failing is not None and (failing.times is None or frame.attempt <= failing.times):
            await self._fail(failing)
        return turn

    async def _fail(self, failing: Failing) -> None:
        if failing.hang:
            await asyncio.Event().wait()
        if failing.status is None:
            raise UnexpectedModelBehavior("The script says that this answer is malformed.")
        raise ModelHTTPError(
            failing.status, self._name, {"error": {"message": failing.message}}, retry_after=failing.retry_after_s
        )


@dataclass
class ScriptedStream(StreamedResponse):
    """A turn as it arrives: the text in chunks, then the tool calls."""

    turn: Turn
    parts: list[ModelResponsePart]
    messages: Sequence[ModelMessage]
    name: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        self.finish_reason = "tool_call" if self.turn.tool_calls else "stop"
        pause = self.turn.latency_s / self.turn.chunks
        for part in self.parts:
            if isinstance(part, TextPart):
                for piece in _chunks(part.content, self.turn.chunks):
                    if pause:
                        await asyncio.sleep(pause)
                    for event in self._parts_manager.handle_text_delta(vendor_part_id="text", content=piece):
                        yield event
                pause = 0.0
            else:
                if pause:
                    await asyncio.sleep(self.turn.latency_s)
                    pause = 0.0
                yield self._parts_manager.handle_part(vendor_part_id=None, part=part)
        self._usage = _usage(self.turn, self.messages, self.parts)

    async def close_stream(self) -> None:
        """There is no connection to close."""

    @property
    def model_name(self) -> str:
        return self.name

    @property
    def provider_name(self) -> str:
        return PROVIDER_NAME

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self.created


def _responses(messages: Sequence[ModelMessage]) -> int:
    return sum(1 for message in messages if message.kind == "response")


def _parts(turn: Turn, messages: Sequence[ModelMessage]) -> list[ModelResponsePart]:
    parts: list[ModelResponsePart] = []
    if turn.text is not None:
        parts.append(TextPart(_filled(turn.text, messages) if turn.has_placeholders else turn.text))
    if turn.tool_calls:
        number = _responses(messages)
        parts += [_tool_call(call, f"call_{number}_{n}", messages) for n, call in enumerate(turn.tool_calls)]
    return parts


def _tool_call(call: PlannedCall, default_id: str, messages: Sequence[ModelMessage]) -> ToolCallPart:
    args = _filled_value(call.args, messages) if call.has_placeholders else dict(call.args)
    return ToolCallPart(call.name, args, tool_call_id=call.id or default_id)


def _filled_value(value: Any, messages: Sequence[ModelMessage]) -> Any:
    if isinstance(value, str):
        return _filled(value, messages)
    if isinstance(value, dict):
        return {key: _filled_value(item, messages) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled_value(item, messages) for item in value]
    return value


def _filled(text: str, messages: Sequence[ModelMessage]) -> str:
    finders = {"input": _last_input, "last_tool_result": _last_tool_result}
    return _PLACEHOLDER.sub(lambda match: finders[match[1]](messages), text)


def _last_input(messages: Sequence[ModelMessage]) -> str:
    for part in _request_parts_from_the_end(messages):
        if isinstance(part, UserPromptPart):
            content = part.content
            return content if isinstance(content, str) else "\n".join(filter(None, map(_text_of, content)))
    return ""


def _text_of(item: object) -> str:
    if isinstance(item, TextContent):
        return item.content
    return item if isinstance(item, str) else ""


def _last_tool_result(messages: Sequence[ModelMessage]) -> str:
    for part in _request_parts_from_the_end(messages):
        if isinstance(part, ToolReturnPart):
            return part.model_response_str()
    return ""


def _request_parts_from_the_end(messages: Sequence[ModelMessage]) -> Iterator[Any]:
    for message in reversed(messages):
        if isinstance(message, ModelRequest):
            yield from reversed(message.parts)


def _usage(turn: Turn, messages: Sequence[ModelMessage], parts: Sequence[ModelResponsePart]) -> RequestUsage:
    if turn.usage is not None:
        return replace(turn.usage)
    return RequestUsage(
        input_tokens=sum(_characters(part) for message in messages for part in message.parts) // 4 or 1,
        output_tokens=sum(map(_characters, parts)) // 4 or 1,
    )


def _characters(part: Any) -> int:
    content = getattr(part, "content", None)
    if isinstance(content, str):
        return len(content)
    if content is None:
        return len(str(getattr(part, "args", "")))
    return len(str(content))


def _chunks(text: str, count: int) -> list[str]:
    size, extra = divmod(len(text), count)
    cuts = [n * size + min(n, extra) for n in range(count + 1)]
    return [text[start:end] for start, end in pairwise(cuts)]
