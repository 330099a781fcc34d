"""`@tool`: turns a function into a tool. What an author of tools imports is here.

    from typing import Annotated
    from pydantic import Field
    from apps.tools.declaration import Effect, ToolCall, tool

    @tool(version="1.0.0", effect=Effect.READ_ONLY)
    def word_count(call: ToolCall, text: Annotated[str, Field(description="Any text.")]) -> int:
        \"\"\"Count the words of a text.\"\"\"
        return len(text.split())

The docstring is what the model reads; schemas come from the annotations.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

from apps.tools.definitions import NO_CONFIG, EffectLedger, MountRef, ToolCall, ToolDefinition
from apps.tools.effects import Effect
from apps.tools.exceptions import ToolFailed, ToolInputInvalid
from apps.tools.findings import DidNotHappen, Finding, Happened, Unknown
from apps.tools.signatures import read_arguments, read_result

__all__ = [
    "DidNotHappen",
    "Effect",
    "EffectLedger",
    "Finding",
    "Happened",
    "MountRef",
    "ToolCall",
    "ToolDefinition",
    "ToolFailed",
    "ToolInputInvalid",
    "Unknown",
    "tool",
]


class Options(TypedDict, total=False):
    """What few tools need: schemas written by hand, a check of calls that left no result, an effect that depends."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    config_schema: dict[str, Any]
    check: Callable[..., Any]
    effect_of: Callable[[Mapping[str, Any]], Effect]


def tool(
    *,
    version: str,
    name: str | None = None,
    effect: Effect = Effect.UNSAFE,
    timeout_s: float = 30.0,
    defers: bool = False,
    **options: Unpack[Options],
) -> Callable[[Callable[..., Any]], ToolDefinition]:
    """Make the decorated function a tool, under its own name unless another is given.

    With an `input_schema` the function gets the JSON arguments as they are; with an `output_schema` its result must
    already be JSON. `config_schema` says what an agent's binding may configure, and `effect_of` what the effect is
    under such a configuration. A tool that `defers` returns what its run is to wait for (see `apps.tools.deferral`).
    A `check` takes what the function takes and returns a Finding about a call that left no result.

    Raises InvalidToolDefinition or InvalidSchema.
    """

    def declare(function: Callable[..., Any]) -> ToolDefinition:
        arguments = None if "input_schema" in options else read_arguments(function)
        result = None if defers or "output_schema" in options else read_result(function)
        return ToolDefinition(
            name=name or function.__name__,
            version=version,
            description=inspect.getdoc(function) or "",
            input_schema=arguments.schema() if arguments else options["input_schema"],
            output_schema=result[1] if result else options.get("output_schema"),
            config_schema=options.get("config_schema", NO_CONFIG),
            effect=Effect(effect),
            timeout_s=timeout_s,
            run=function,
            arguments=arguments,
            returns=result[0] if result else None,
            defers=defers,
            check=options.get("check"),
            effect_of=options.get("effect_of"),
        )

    return declare
