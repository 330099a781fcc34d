"""Snapshots of a run's messages: a resume starts from them and replays only what came after.

pydantic-ai's loop looks at all messages in each of its steps, so replaying a long run costs the square of its length.
Now and then a model step is therefore recorded together with the messages that led to it, those since the last snapshot
only: what is stored grows with the run and is written once. Short runs have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic_ai import Agent, ModelRequestNode
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelMessage, ModelRequest, UserContent
from pydantic_ai.run import AgentRun, AgentRunResult
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import RunUsage, UsageLimits
from pydantic_graph import End

from apps.core import canonical
from apps.runs.payloads import LARGEST
from apps.runs.states import StepKind
from workers.engine.stops import ReplayMismatch
from workers.engine.units import Unit

LOOKS: Final = 10_000
"""A snapshot is due when a replay would look at so many messages, each anew in each step; that takes 0.1 to 0.2 s."""

_BESIDES: Final = 100
"""What replaying a step costs besides, counted in messages."""

NO_LIMITS: Final = UsageLimits(request_limit=None)
"""The run's own limits are checked before each step, against the database's count; the library's would be a second."""

SNAPSHOTS: Final = """
SELECT n, run_step, model_calls, data FROM runs_snapshot WHERE run_id = %(run)s ORDER BY n"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is recorded with a model step: the messages up to its request, from where the last snapshot ended.

    `n` is the last step that it makes needless to replay.
    """

    n: int
    run_step: int
    model_calls: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Restart:
    """Where a run goes on: at the request of the model step `run_step`, after the journal's step `n`.

    `messages` are the run's own, the last of them that request. `retries` and `output_retries` are what was used of the
    allowances for failed calls and answers.
    """

    n: int
    run_step: int
    model_calls: int
    messages: list[ModelMessage]
    usage: RunUsage
    retries: dict[str, int]
    output_retries: int


def read_restart(rows: Sequence[Mapping[str, Any]], stretches: Sequence[bytes], run_id: str) -> Restart | None:
    """The restart out of a run's snapshots in their order; None when there are none.

    The messages bear `run_id`: a rerun has those of its original.
    """
    if not rows:
        return None
    parts = [canonical.load(data) for data in stretches]
    messages = JSON_CODEC.load(list[ModelMessage], [message for part in parts for message in part["messages"]])
    for message in messages:
        message.run_id = run_id
    last = parts[-1]
    return Restart(
        n=rows[-1]["n"],
        run_step=rows[-1]["run_step"],
        model_calls=rows[-1]["model_calls"],
        messages=messages,
        usage=JSON_CODEC.load(RunUsage, last["usage"]),
        retries=last["retries"],
        output_retries=last["output_retries"],
    )


def prepare() -> None:
    """Build what pydantic needs to read messages, for a tenth of a second, before a run has to wait for it."""
    JSON_CODEC.load(list[ModelMessage], [])
    JSON_CODEC.load(RunUsage, {})


class Snapshots:
    """The snapshots of one execution of a run: when the next is due, and what it holds."""

    def __init__(self, restart: Restart | None = None) -> None:
        self._n = restart.n if restart else 0
        self._kept = len(restart.messages) if restart else 0

    def take(self, unit: Unit, context: "RunContext[Any] | None", *, behind: int, calls: int) -> Stretch | None:
        """What to record with this unit, if a snapshot is due.

        `behind` is the last recorded step before its step of the loop, `calls` how often a model was asked before.
        """
        if context is None or unit.kind != StepKind.MODEL or context.pending_messages:
            return None
        if (behind - self._n) * (len(context.messages) + _BESIDES) < LOOKS:
            return None
        own = _own(context)
        data = canonical.dump(_state(own[self._kept :], context))
        if len(data) > LARGEST:
            return None
        self._n, self._kept = behind, len(own)
        return Stretch(behind, unit.run_step, calls, data)


async def run_from(
    restart: Restart,
    agent: "Agent[Any, Any]",
    deps: Any,
    prompt: str | Sequence[UserContent],
    history: list[ModelMessage],
) -> "AgentRunResult[Any]":
    """What `agent.run` returns, without repeating the steps that the restart has behind it.

    Raises ReplayMismatch when the agent no longer begins with a request to its model.
    """
    async with agent.iter(
        prompt, deps=deps, message_history=history, usage=restart.usage, usage_limits=NO_LIMITS
    ) as run:
        node: Any = await _placed(run, restart)
        while run.result is None and not isinstance(node, End):
            node = await run.next(node)
    assert run.result is not None, "a run that ends has a result"
    return run.result


async def _placed(run: "AgentRun[Any, Any]", restart: Restart) -> "ModelRequestNode[Any, Any]":
    """The node that asks the model again, in a run that stands where the restart says."""
    first: Any = run.next_node
    request = restart.messages[-1]
    # The first node cleans the history and finds out where the run's own messages begin.
    if not isinstance(await run.next(first), ModelRequestNode) or not isinstance(request, ModelRequest):
        raise ReplayMismatch("The run does not go on with a request to the model, as its snapshot does.")
    state, deps = run.ctx.state, run.ctx.deps
    state.message_history.extend(restart.messages[:-1])
    state.run_step = restart.run_step - 1
    state.output_retries_used = restart.output_retries
    before = RunContext(
        deps=deps.user_deps, model=deps.model, usage=state.usage, run_step=state.run_step, retries=restart.retries
    )
    deps.tool_manager = replace(deps.tool_manager, ctx=before)
    return ModelRequestNode(request)


def _own(context: "RunContext[Any]") -> list[ModelMessage]:
    """The messages of the run itself, behind those of its thread."""
    first = next(i for i, message in enumerate(context.messages) if message.run_id == context.run_id)
    return context.messages[first:]


def _state(messages: list[ModelMessage], context: "RunContext[Any]") -> dict[str, Any]:
    manager = context.tool_manager
    return {
        "messages": JSON_CODEC.dump(list[ModelMessage], messages),
        "usage": JSON_CODEC.dump(RunUsage, context.usage),
        "retries": dict(manager.ctx.retries) if manager and manager.ctx else {},
        "output_retries": context.retry,
    }
