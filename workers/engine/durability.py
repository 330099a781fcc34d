"""pydantic-ai's durable execution over our journal: every model and tool call is one fenced, recorded unit."""

from collections.abc import AsyncIterable, Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    DurableOperationBackend,
    DurableOperationId,
    JournalCallableOperationBackend,
    RoleBasedOperationConfig,
    record_durable_unit,
)
from pydantic_ai.messages import AgentStreamEvent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.tools import RunContext

from apps.core import canonical
from apps.core.failpoints import hit
from apps.providers.calls import model_call
from apps.runs.states import StepKind
from apps.tools.effects import Effect
from workers.engine.journal import Outcome
from workers.engine.session import Scratch, Session, current_scratch, current_session
from workers.engine.units import AGENT_NAME, Unit, identify, is_event, run_step_of

Price = Callable[[dict[str, Any]], Decimal | None]
"""USD of a model call by its recorded response; None when the price is not known."""

SPEC: Final = DurabilityEngineSpec(
    engine_name="CEF",
    durable_unit_noun="step",
    durable_container_noun="run",
    codec=JSON_CODEC,
    wrapped_toolset_kinds=frozenset({"function", "mcp", "dynamic"}),
    toolset_lifecycles={"function": "enter-never", "mcp": "enter-in-durable-unit", "dynamic": "enter-never"},
)


class JournalBackend(JournalCallableOperationBackend[None]):
    """Executes an operation once: looks it up in the run's journal, else runs it and records what came."""

    def __init__(self, effects: dict[str, Effect], price: Price) -> None:
        super().__init__(
            agent_name=AGENT_NAME, config=RoleBasedOperationConfig(model=None, event=None, capability=None, tool=None)
        )
        self._effects, self._price = effects, price

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: None,
    ) -> object:
        """The recorded or new payload. Raises StopRun's kinds; other errors of the body pass and are not recorded."""
        if is_event(operation_id):
            return None
        session = _require_session()
        unit = identify(operation_id, name, cache_key, session.ordinal(run_step_of(cache_key), name))
        number = session.model_calls
        session.model_calls += unit.kind == StepKind.MODEL
        recorded = session.journal.find(unit)
        if recorded is not None:
            record_durable_unit(executed=False)
            return canonical.load(recorded.result)
        payload = await self._recalled(session, unit) or await self._executed(session, unit, body, number)
        record_durable_unit(executed=True)
        return payload

    async def _recalled(self, session: Session, unit: Unit) -> object | None:
        """A tool may have committed its effect and its result before the process died: then it is not run again."""
        if unit.kind != StepKind.TOOL or session.run.epoch == 1:
            return None
        left = await session.journal.recall(unit)
        if left is None:
            return None
        payload = {"result": canonical.load(left), "kind": "tool_return"}
        return await self._recorded(session, Scratch(unit), payload)

    async def _executed(
        self, session: Session, unit: Unit, body: Callable[[], Awaitable[object]], number: int
    ) -> object:
        async with session.call():
            if self._is_unsafe(unit):
                await session.journal.intend(unit)
                hit("after_intent")
            scratch = Scratch(unit)
            token = current_scratch.set(scratch)
            try:
                with model_call(deadline=session.deadline, number=number):
                    payload = await body()
            finally:
                current_scratch.reset(token)
            hit("mid_model" if unit.kind == StepKind.MODEL else "after_tool_before_commit")
            return await self._recorded(session, scratch, payload)

    async def _recorded(self, session: Session, scratch: Scratch, payload: object) -> object:
        outcome = self._outcome(scratch, payload)
        receipt = await session.journal.record(scratch.unit, outcome)
        hit("after_commit_before_ack")
        session.settle(receipt, outcome.input_tokens + outcome.output_tokens, outcome.cost_usd)
        return payload

    def _is_unsafe(self, unit: Unit) -> bool:
        """A tool that declares nothing is unsafe."""
        return unit.kind == StepKind.TOOL and self._effects.get(unit.name, Effect.UNSAFE) == Effect.UNSAFE

    def _outcome(self, scratch: Scratch, payload: object) -> Outcome:
        tokens_in, tokens_out = _usage(payload) if scratch.unit.kind == StepKind.MODEL else (0, 0)
        cost = self._price(payload) if isinstance(payload, dict) and tokens_in + tokens_out else None
        event: dict[str, Any] = {
            "kind": scratch.unit.kind.value,
            "name": scratch.unit.name,
            "duration_ms": round(scratch.seconds * 1000),
            "input_tokens": tokens_in,
            "output_tokens": tokens_out,
            "cost_usd": None if cost is None else str(cost),
        }
        if scratch.sources:
            event["sources"] = scratch.sources
        return Outcome(
            result=canonical.dump(payload),
            seconds=scratch.seconds,
            event=event,
            manifest=scratch.manifest,
            first_token_ms=scratch.first_token_ms,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            cost_usd=cost or Decimal(0),
            effect=self._is_unsafe(scratch.unit),
        )


class JournalDurability(BaseDurabilityCapability[Session]):
    """The capability that makes an agent durable while a Session is set in its task."""

    engine_spec = SPEC

    def __init__(self, effects: dict[str, Effect], price: Price, *, streaming: bool) -> None:
        super().__init__(name=AGENT_NAME, event_stream_handler=_speak if streaming else None)
        self._backend = JournalBackend(effects, price)

    @property
    def in_durable_context(self) -> bool:
        return current_session.get() is not None

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        return self._backend

    def get_default_run_id(self) -> str | None:
        """The run's own id, so that a replay has the same."""
        session = current_session.get()
        return None if session is None else str(session.run.id)

    def get_default_conversation_id(self, run_id: str) -> str | None:
        session = current_session.get()
        return None if session is None else str(session.run.thread_id or session.run.id)


async def _speak(ctx: RunContext[Session], events: AsyncIterable[AgentStreamEvent]) -> None:
    """Passes the model's text on as it arrives; tools are told by their recorded steps."""
    async for event in events:
        text = _spoken(event)
        if text:
            ctx.deps.speak(text)


def _spoken(event: AgentStreamEvent) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _usage(payload: object) -> tuple[int, int]:
    usage = payload.get("usage") if isinstance(payload, dict) else None
    if not isinstance(usage, dict):
        return 0, 0
    return _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))


def _count(reported: object) -> int:
    """A provider's figure may be absent, negative or absurd."""
    return min(max(reported, 0), 2**31 - 1) if isinstance(reported, int) else 0


def _require_session() -> Session:
    session = current_session.get()
    if session is None:
        raise RuntimeError("A durable operation was called outside a run.")
    return session
