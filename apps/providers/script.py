"""The scripts of scripted models: their JSON Schema, and their compiled form.

    {"turns": [
        {"tool_calls": [{"name": "calculator", "args": {"expression": "6*7"}}], "text": "Let me see."},
        {"text": "{input} is {last_tool_result}.", "latency_s": 0.5, "chunks": 4,
         "usage": {"input_tokens": 120, "output_tokens": 9}},
        {"error": {"status": 429, "message": "slow down", "retry_after_s": 1}, "times": 2, "text": "There."},
        {"hang": true},
        {"malformed": true}
     ],
     "repeat_last": true}

A turn answers one model call of the run. A bare list is short for `{"turns": list}`.

- `text`, `tool_calls`: what the model says. In `text` and in the strings of `args`, `{input}` stands for the last user
  message and `{last_tool_result}` for the last tool result. A tool call's `id` defaults to one made of its place.
- `latency_s`: seconds before the answer; streamed, they are spread evenly before the `chunks` (default 1) of the text.
- `usage`: the tokens to report; without it they are estimated as characters / 4.
- `error`, `hang`, `malformed`: the call fails with that HTTP status, never answers, or answers nonsense: in its first
  `times` attempts, or always without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from pydantic_ai.usage import RequestUsage

from apps.core.exceptions import Fault
from apps.providers.exceptions import InvalidScript

MAX_TURNS: Final = 10_000
PLACEHOLDERS: Final = ("{input}", "{last_tool_result}")

_TOKENS: Final = {"type": "integer", "minimum": 0}
_SECONDS: Final = {"type": "number", "minimum": 0, "maximum": 86_400}
_TURN: Final = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "text": {"type": "string"},
        "tool_calls": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "args": {"type": "object"},
                    "id": {"type": "string", "minLength": 1},
                },
            },
        },
        "latency_s": _SECONDS,
        "chunks": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "usage": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"input_tokens": _TOKENS, "output_tokens": _TOKENS, "cache_read_tokens": _TOKENS},
        },
        "error": {
            "type": "object",
            "additionalProperties": False,
            "required": ["status"],
            "properties": {
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "message": {"type": "string"},
                "retry_after_s": _SECONDS,
            },
        },
        "hang": {"const": True},
        "malformed": {"const": True},
        "times": {"type": "integer", "minimum": 1},
    },
    "dependentSchemas": {
        "times": {"anyOf": [{"required": ["error"]}, {"required": ["hang"]}, {"required": ["malformed"]}]}
    },
}
_TURNS: Final = {"type": "array", "minItems": 1, "maxItems": MAX_TURNS, "items": {"$ref": "#/$defs/turn"}}
SCRIPT_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Script of a scripted model",
    "$defs": {"turn": _TURN},
    "if": {"type": "array"},
    "then": _TURNS,
    "else": {
        "type": "object",
        "additionalProperties": False,
        "required": ["turns"],
        "properties": {"turns": _TURNS, "repeat_last": {"type": "boolean"}},
    },
}
_VALIDATOR: Final = Draft202012Validator(SCRIPT_SCHEMA)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool call to be made."""

    name: str
    args: Mapping[str, Any]
    id: str | None
    has_placeholders: bool


@dataclass(frozen=True, slots=True)
class Failing:
    """How a turn fails, and in how many of its first attempts (None: in all)."""

    status: int | None = None
    message: str = ""
    retry_after_s: float | None = None
    hang: bool = False
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, ready to be played."""

    text: str | None
    tool_calls: tuple[PlannedCall, ...]
    latency_s: float
    chunks: int
    usage: RequestUsage | None
    failing: Failing | None
    has_placeholders: bool


@dataclass(frozen=True, slots=True)
class Script:
    """The turns of a script; `turn` is None past its end unless the last one repeats."""

    turns: tuple[Turn, ...]
    repeat_last: bool = False

    def turn(self, number: int) -> Turn | None:
        if number < len(self.turns):
            return self.turns[number]
        return self.turns[-1] if self.repeat_last else None


def validate_script(document: object) -> None:
    """Refuse what is not a script. Raises InvalidScript with a fault for each place."""
    faults = [
        Fault(pointer="".join(f"/{part}" for part in error.absolute_path), code="schema", detail=error.message[:300])
        for error in sorted(_VALIDATOR.iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    ]
    if faults:
        raise InvalidScript(f"The script is not valid: {faults[0].detail}", errors=faults[:50])


def parse_script(document: object) -> Script:
    """The compiled script of its JSON. Raises InvalidScript."""
    validate_script(document)
    if isinstance(document, dict):
        return Script(tuple(map(_turn, document["turns"])), repeat_last=document.get("repeat_last", False))
    assert isinstance(document, list)
    return Script(tuple(map(_turn, document)))


def _turn(data: Mapping[str, Any]) -> Turn:
    return Turn(
        text=data.get("text"),
        tool_calls=tuple(map(_planned_call, data.get("tool_calls", ()))),
        latency_s=float(data.get("latency_s", 0)),
        chunks=data.get("chunks", 1),
        usage=RequestUsage(**data["usage"]) if "usage" in data else None,
        failing=_failing(data),
        has_placeholders=_mentions_placeholder(data.get("text", "")),
    )


def _planned_call(data: Mapping[str, Any]) -> PlannedCall:
    args = data.get("args", {})
    return PlannedCall(data["name"], args, data.get("id"), _mentions_placeholder(repr(args)))


def _failing(data: Mapping[str, Any]) -> Failing | None:
    times = data.get("times")
    if "error" in data:
        error = data["error"]
        return Failing(error["status"], error.get("message", ""), error.get("retry_after_s"), times=times)
    if "hang" in data:
        return Failing(hang=True, times=times)
    return Failing(times=times) if "malformed" in data else None


def _mentions_placeholder(text: str) -> bool:
    return any(placeholder in text for placeholder in PLACEHOLDERS)
