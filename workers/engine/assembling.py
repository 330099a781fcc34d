"""Puts the assembled context into each model request, within the recorded unit: a replay never assembles again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from pydantic_ai import InstructionPart
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserContent, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from apps.contexts.assembly import Assembly, AssemblyRequest, Mount, assemble
from apps.contexts.kinds import Source
from workers.engine.database import insist
from workers.engine.session import Session, current_scratch, current_session


class AssemblingModel(WrapperModel):
    """A model whose requests carry the run's mounted contexts within the agent's token budget.

    The stable region becomes the instructions; the volatile tail, which ends with the question, takes the place of the
    newest user prompt. Outside a run it passes requests on as they are.
    """

    def __init__(self, wrapped: Model, *, tokenizer: str) -> None:
        super().__init__(wrapped)
        self._tokenizer = tokenizer

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        messages, parameters = await self._with_context(messages, model_request_parameters)
        return await super().request(messages, model_settings, parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        messages, parameters = await self._with_context(messages, model_request_parameters)
        async with super().request_stream(messages, model_settings, parameters, run_context) as stream:
            yield stream

    async def _with_context(
        self, messages: list[ModelMessage], parameters: ModelRequestParameters
    ) -> tuple[list[ModelMessage], ModelRequestParameters]:
        session = current_session.get()
        place = _newest_prompt(messages)
        if session is None or place is None:
            return messages, parameters
        question = _question(_prompt_at(messages, place).content)
        assembly = await insist(lambda: session.threads.call(_assemble, session, question, self._tokenizer))
        _leave_manifest(session, assembly)
        instructions = [InstructionPart(content=assembly.stable)] if assembly.stable else None
        return _with_tail(messages, place, assembly.tail), replace(parameters, instruction_parts=instructions)


Place = tuple[int, int]
"""A message and a part of it."""


def _assemble(session: Session, question: str, tokenizer: str) -> Assembly:
    return assemble(
        AssemblyRequest(
            workspace_id=session.run.workspace_id,
            budget_tokens=session.bundle.context_budget_tokens,
            tokenizer=tokenizer,
            mounts=tuple(
                Mount(mount.context_id, mount.version, mount.access, bound.share)
                for mount, bound in zip(session.mounts, session.bundle.mounts, strict=True)
            ),
            frozen={UUID(context_id): number for context_id, number in session.run.context_versions.items()},
            instructions=session.bundle.instructions,
            query=question,
            question=question,
            previous=session.manifest,
        )
    )


def _leave_manifest(session: Session, assembly: Assembly) -> None:
    """For the step's row, and for the manifest of the next step, which is written on top of it."""
    session.manifest = assembly.manifest
    scratch = current_scratch.get()
    if scratch is not None:
        scratch.manifest = assembly.manifest.data
        retrieved = (item for item in assembly.manifest.items if item.source == Source.RETRIEVAL)
        scratch.sources = [{"title": item.title, "ref": item.ref} for item in retrieved]


def _newest_prompt(messages: Sequence[ModelMessage]) -> Place | None:
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, ModelRequest):
            for part, content in reversed(list(enumerate(message.parts))):
                if isinstance(content, UserPromptPart):
                    return index, part
    return None


def _prompt_at(messages: Sequence[ModelMessage], place: Place) -> UserPromptPart:
    part = messages[place[0]].parts[place[1]]
    if not isinstance(part, UserPromptPart):
        raise TypeError("There is no user prompt at this place.")
    return part


def _question(content: str | Sequence[UserContent]) -> str:
    """The words of a prompt, without its files."""
    return content if isinstance(content, str) else "\n".join(item for item in content if isinstance(item, str))


def _with_tail(messages: list[ModelMessage], place: Place, tail: str) -> list[ModelMessage]:
    """A copy of the messages with the tail in the place of the prompt's words; its files stay behind them."""
    index, position = place
    message, prompt = cast(ModelRequest, messages[index]), _prompt_at(messages, place)
    files = [] if isinstance(prompt.content, str) else [item for item in prompt.content if not isinstance(item, str)]
    parts = list(message.parts)
    parts[position] = replace(prompt, content=[tail, *files] if files else tail)
    return [*messages[:index], replace(message, parts=parts), *messages[index + 1 :]]
