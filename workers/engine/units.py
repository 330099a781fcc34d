"""What the agent's loop asks the journal for: one operation, its name for replay, and a digest of its request."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai.durable_exec import (
    DurableOperationId,
    EventStreamHandlerId,
    ModelRequestId,
    ToolsetCallToolId,
)
from pydantic_ai.messages import ModelMessage, ModelRequest
from pydantic_ai.tools import RunContext

from apps.core import canonical
from apps.runs.states import StepKind
from apps.runs.text import storable

AGENT_NAME: Final = "agent"
"""Part of every journal name and the same for all agents: renaming one must not make its runs start again."""

_LONGEST_CALL_ID: Final = 120


@dataclass(frozen=True, slots=True)
class Unit:
    """One durable operation.

    `key` is unique in the run and the same on replay: run step, operation, and the tool call's id (or, for what has
    none, an ordinal within the step). `digest` covers what was asked, so that a changed agent is noticed.
    """

    key: str
    kind: StepKind
    name: str
    run_step: int
    digest: bytes
    tool_call_id: str = ""
    arguments: dict[str, Any] | None = None


def is_event(operation: DurableOperationId) -> bool:
    """Whether this only hands an event to a listener: never recorded, never replayed."""
    return isinstance(operation, EventStreamHandlerId)


def identify(operation: DurableOperationId, name: str, cache_key: tuple[object, ...], ordinal: int) -> Unit:
    """The unit behind an operation of pydantic-ai's loop; `ordinal` counts calls of this name within the step."""
    if isinstance(operation, ToolsetCallToolId):
        return _tool_unit(name, cache_key)
    context = context_of(cache_key)
    step = context.run_step if context else 0
    if isinstance(operation, ModelRequestId):
        return _model_unit(operation, name, cache_key, step, ordinal)
    return Unit(f"{step}/{name}/{ordinal}", StepKind.OTHER, name, step, canonical.digest(name))


def run_step_of(cache_key: tuple[object, ...]) -> int:
    """The step of the agent's loop that asks."""
    context = context_of(cache_key)
    return context.run_step if context else 0


def call_key(call_id: str) -> str:
    """The id of a tool call as keys hold it: whatever a model thinks of, in at most 120 printable characters."""
    plain = len(call_id) <= _LONGEST_CALL_ID and call_id.isascii() and call_id.isprintable()
    return call_id if plain else canonical.digest(call_id).hex()


def _tool_unit(name: str, cache_key: tuple[object, ...]) -> Unit:
    tool_name, arguments = str(cache_key[0]), cache_key[1]
    context = context_of(cache_key)
    if context is None or not isinstance(arguments, dict):
        raise TypeError(f"The operation {name} is no tool call.")
    call_id = context.tool_call_id or ""
    return Unit(
        key=f"{context.run_step}/tool:{tool_name}/{call_key(call_id)}",
        kind=StepKind.TOOL,
        name=tool_name,
        run_step=context.run_step,
        digest=canonical.digest([tool_name, arguments]),
        tool_call_id=storable(call_id)[:200],
        arguments=arguments,
    )


def _model_unit(operation: ModelRequestId, name: str, cache_key: tuple[object, ...], step: int, ordinal: int) -> Unit:
    messages = cache_key[1]
    if not isinstance(messages, list):
        raise TypeError(f"The operation {name} is no model request.")
    return Unit(
        key=f"{step}/{name}/{ordinal}",
        kind=StepKind.MODEL,
        name=operation.model_name,
        run_step=step,
        digest=canonical.digest([len(messages), _last_request(messages)]),
    )


def _last_request(messages: list[ModelMessage]) -> list[str]:
    """What the newest message asks, without times and ids, which differ from one execution to the next."""
    last = messages[-1] if messages else None
    if not isinstance(last, ModelRequest):
        return []
    return [f"{part.part_kind}:{_spoken(part.content)}" for part in last.parts if hasattr(part, "content")]


def _spoken(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        return "\n".join(item if isinstance(item, str) else type(item).__name__ for item in content)
    return canonical.canonical_bytes(content).decode() if isinstance(content, dict) else str(content)


def context_of(cache_key: tuple[object, ...]) -> "RunContext[Any] | None":
    """What the loop says of the step that asks; None for what belongs to none."""
    return next((item for item in cache_key if isinstance(item, RunContext)), None)
