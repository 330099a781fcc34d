"""Registered tools as pydantic-ai calls them."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from pydantic_ai import ModelRetry, RunContext, Tool
from pydantic_ai.exceptions import ToolFailed as Reported
from pydantic_core import SchemaValidator, core_schema

from apps.core.retry import Remedy
from apps.tools.definitions import BoundTool, ToolCall, ToolDefinition
from apps.tools.effects import Effect
from apps.tools.exceptions import ToolFailed, ToolUnavailable
from apps.tools.findings import Finding, Unknown
from apps.tools.registry import Registry, registry
from apps.tools.services.checking import check_call
from apps.tools.services.repeating import call_until_known

MAX_RETRIES: Final = 3


def _finite(value: Any) -> Any:
    """Models write NaN and 1e999, which are not JSON: no condition holds for them, and none has a digest."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinite numbers are not JSON")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite(inner)
    return value


_OBJECT: Final = SchemaValidator(
    core_schema.no_info_after_validator_function(
        _finite, core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
    )
)


Check = Callable[[str, ToolCall, Mapping[str, Any]], Awaitable[Finding]]
"""Finds out, by the tool's name, its call and its arguments, what became of a call that left no result."""


class ToolDeps(Protocol):
    """What the dependencies of a run must offer."""

    def tool_call(self, tool_call_id: str, tool_name: str) -> ToolCall:
        """The circumstances of this call."""
        ...


def build_tools(bindings: Sequence[BoundTool], source: Registry | None = None) -> list[Tool[Any]]:
    """An agent's tools, in the order of their names, so that prompts stay the same.

    They are to be the agent's own (`tools=`): beside a second toolset the library asks both at once for each step, in
    task groups that cost a tenth of a run's CPU. A tool whose code is gone is one of them and reports
    `tool_unavailable` when called. A correctable failure asks the model to try again (three times per tool and run),
    any other is reported to it as final. A ToolFailed whose outcome is unknown passes through: the engine must not let
    the model repeat it.
    """
    found = source or registry()
    ordered = sorted(bindings, key=lambda bound: bound.name)
    return [_tool(bound, found) for bound in ordered]


def changed_tools(bindings: Sequence[BoundTool], source: Registry | None = None) -> list[str]:
    """What to say of each tool whose code is gone, or is not what was bound; empty when all are as they were."""
    found = source or registry()
    definitions = [_definition(bound, found) for bound in bindings]
    return [error.message for error in definitions if isinstance(error, ToolUnavailable)]


def effects(bindings: Sequence[BoundTool], source: Registry | None = None) -> Mapping[str, Effect]:
    """The effect of each tool by its name, as it was declared and as it is bound."""
    found = source or registry()
    return {bound.name: _effect(bound, found) for bound in bindings}


def _effect(bound: BoundTool, source: Registry) -> Effect:
    definition = _definition(bound, source)
    return definition.effect_under(bound.config) if isinstance(definition, ToolDefinition) else bound.effect


def build_check(bindings: Sequence[BoundTool], source: Registry | None = None) -> Check:
    """Asks the check of the named tool about a call that left no result; a tool that is gone does not know."""
    found, bound_by_name = source or registry(), {bound.name: bound for bound in bindings}

    async def check(name: str, call: ToolCall, arguments: Mapping[str, Any]) -> Finding:
        bound = bound_by_name.get(name)
        definition = _definition(bound, found) if bound else None
        if bound is None or not isinstance(definition, ToolDefinition):
            return Unknown()
        return await check_call(definition, replace(call, config=bound.config), arguments)

    return check


def _tool(bound: BoundTool, source: Registry) -> Tool[Any]:
    async def body(ctx: RunContext[ToolDeps], /, **arguments: Any) -> Any:
        return await _run(bound, source, ctx, arguments)

    tool: Tool[Any] = Tool.from_schema(
        body, name=bound.name, description=bound.description, json_schema=_schema(bound, source), takes_ctx=True
    )
    # The library checks nothing of such a tool's arguments, and a list of them would end the run with a TypeError.
    tool.function_schema.validator = _OBJECT
    tool.max_retries = MAX_RETRIES
    return tool


def _schema(bound: BoundTool, source: Registry) -> dict[str, Any]:
    """The code's own schema keeps the order of its properties, which the database does not."""
    definition = _definition(bound, source)
    return dict(bound.input_schema) if isinstance(definition, ToolUnavailable) else definition.input_schema


def _definition(bound: BoundTool, source: Registry) -> ToolDefinition | ToolUnavailable:
    try:
        return source.get(bound.name, bound.version, bound.digest)
    except ToolUnavailable as error:
        return error


async def _run(bound: BoundTool, source: Registry, ctx: RunContext[ToolDeps], arguments: dict[str, Any]) -> Any:
    call = replace(ctx.deps.tool_call(ctx.tool_call_id or "", bound.name), config=bound.config)
    try:
        return await call_until_known(source.get(bound.name, bound.version, bound.digest), call, arguments)
    except ToolFailed as error:
        if call.ledger is not None:
            call.ledger.failed(error)
        if error.outcome_unknown:
            raise
        raise (Reported if error.remedy is Remedy.TERMINAL else ModelRetry)(error.message) from error
