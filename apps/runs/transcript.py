"""What a run said, read from its journal as messages that a later run of its thread can hear; pure.

The journal is the source because it alone survives whatever happens to a worker: what the loop held in memory is gone
after a kill, while every answer and every tool's result was committed before the run went on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import (
    INTERRUPTED_TOOL_RETURN_CONTENT,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    RetryInfo,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from apps.core import canonical
from apps.runs.states import StepKind
from apps.runs.text import storable

NOT_RECORDED: Final = "No result of this call was recorded."
ASKED_AGAIN: Final = "The answer was not accepted as it was."

DENIED: Final = "denied"
"""The kind of result of a call that somebody refused; the library has none."""

_OUTCOMES: Final = {"tool_failed": "failed", "run_cancelled": "failed", DENIED: "denied"}
_RETRIED: Final = {"model_retry": "model_retry", "validation_error": "validation_error"}


@dataclass(frozen=True, slots=True)
class Said:
    """A step of the journal, or how the wait of a deferred call ended: `result` is the recorded value.

    `run_step` is the loop's: an answer and the results of its calls have the same.
    """

    run_step: int
    kind: str
    name: str
    tool_call_id: str
    result: Any


def transcript(
    prompt: str | Sequence[UserContent], journal: Iterable[Said], *, unfinished: str = ""
) -> list[ModelMessage]:
    """The question, each answer, each tool's result; `unfinished` is text that was spoken and not recorded.

    A call without a result gets a return that says it was interrupted, because providers refuse a history with calls
    that nobody answered.
    """
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(prompt)])]
    rounds = _rounds(journal)
    for index, (response, results) in enumerate(rounds):
        messages.append(response)
        last = index == len(rounds) - 1
        parts = _returns(response, results, INTERRUPTED_TOOL_RETURN_CONTENT if last else NOT_RECORDED)
        if not parts and not last:
            parts = [RetryFeedbackPart(ASKED_AGAIN, retry=RetryInfo(cause="model_retry"))]
        if parts:
            messages.append(ModelRequest(parts=parts))
    if unfinished:
        messages.append(ModelResponse(parts=[TextPart(unfinished)], state="interrupted"))
    return messages


def run_step(key: str) -> int:
    """The loop's step in the key of a unit."""
    return int(key.partition("/")[0])


def journal_id(call: ToolCallPart) -> str:
    """The call's id as its step holds it."""
    return storable(call.tool_call_id)[:200]


def _rounds(journal: Iterable[Said]) -> list[tuple[ModelResponse, list[Said]]]:
    """Each answer with the results of its calls."""
    rounds: dict[int, tuple[ModelResponse, list[Said]]] = {}
    for step in journal:
        if step.kind == StepKind.MODEL:
            rounds[step.run_step] = (JSON_CODEC.load(ModelResponse, step.result), [])
        elif step.kind == StepKind.TOOL and step.run_step in rounds:
            rounds[step.run_step][1].append(step)
    return list(rounds.values())


def _returns(response: ModelResponse, results: list[Said], otherwise: str) -> list[Any]:
    left = list(results)
    return [_return(call, _taken(call, left), otherwise) for call in response.tool_calls]


def _taken(call: ToolCallPart, left: list[Said]) -> Said | None:
    """The first result of this call that no earlier one has; providers do repeat ids."""
    ids = {journal_id(call), canonical.digest(call.tool_call_id).hex()}
    found = next((step for step in left if step.name == call.tool_name and step.tool_call_id in ids), None)
    if found is not None:
        left.remove(found)
    return found


def _return(call: ToolCallPart, step: Said | None, otherwise: str) -> ToolReturnPart[Any]:
    if step is None or not isinstance(step.result, dict):
        return _part(call, otherwise, outcome="interrupted")
    kind = step.result.get("kind")
    if kind in {"tool_return", "tool_content_result"}:
        return _part(call, _content(step.result["result"]))
    if kind in _RETRIED:
        why = step.result.get("message") or step.result.get("errors")
        return _part(call, why, outcome="retried", retry=RetryInfo(cause=_RETRIED[kind]))
    if kind in _OUTCOMES:
        return _part(call, step.result["message"], outcome=_OUTCOMES[kind])
    return _part(call, otherwise, outcome="interrupted")


def _content(result: Any) -> Any:
    """What the model was told of a result; a tool may have told the application more."""
    if isinstance(result, dict) and result.get("kind") == "tool-return":
        return result.get("return_value")
    return result


def _part(call: ToolCallPart, content: Any, **more: Any) -> ToolReturnPart[Any]:
    return ToolReturnPart(call.tool_name, content, call.tool_call_id, tool_kind=call.tool_kind, **more)
