"""pydantic-ai's durable execution over our journal: every model and tool call is one fenced, recorded unit."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
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
from apps.runs.payloads import LARGEST, require_size
from apps.runs.states import StepKind
from apps.tools.effects import Effect
from apps.tools.exceptions import ResultTooLarge, ToolFailed
from apps.tools.toolset import Check
from workers.engine.effects import EffectRules
from workers.engine.journal import Outcome
from workers.engine.session import Scratch, Session, current_scratch, current_session
from workers.engine.stops import LeaseLost, OutcomeUnknown
from workers.engine.units import AGENT_NAME, Unit, context_of, identify, is_event, run_step_of

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

    def __init__(self, effects: EffectRules, price: Price) -> None:
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
        behind = session.journal.behind(unit)
        stretch = session.snapshots.take(unit, context_of(cache_key), behind=behind, calls=number)
        scratch = Scratch(unit, stretch=stretch)
        payload = await self._recalled(session, unit) or await self._executed(session, scratch, body, number)
        record_durable_unit(executed=True)
        return payload

    async def _recalled(self, session: Session, unit: Unit) -> object | None:
        """A call may have had its effect before the process died, and left its result: then it is not made again."""
        payload = await self._effects.recalled(session, unit)
        return None if payload is None else await self._recorded(session, Scratch(unit), payload)

    async def _executed(
        self, session: Session, scratch: Scratch, body: Callable[[], Awaitable[object]], number: int
    ) -> object:
        try:
            async with session.call():
                await session.begin(scratch.unit)
                payload = await self._intended(session, scratch)
                if payload is None:
                    payload = await self._called(session, scratch, body, number)
                return await self._recorded(session, scratch, payload)
        except OutcomeUnknown:
            await session.others_end()
            raise
        finally:
            if scratch.reserved is not None:
                session.purse.release(scratch.reserved)

    async def _intended(self, session: Session, scratch: Scratch) -> object | None:
        if not self._effects.is_unsafe(scratch.unit):
            return None
        payload = await self._effects.intend(session, scratch)
        hit("after_intent")
        return payload

    async def _called(
        self, session: Session, scratch: Scratch, body: Callable[[], Awaitable[object]], number: int
    ) -> object:
        """What the call brought, or what is known of one that ended without saying how. Raises OutcomeUnknown."""
        token = current_scratch.set(scratch)
        try:
            with model_call(deadline=session.deadline, number=number):
                payload = await body()
        except ToolFailed as error:
            if not error.outcome_unknown:
                raise
            payload = await self._effects.doubt(session, scratch, error)
        finally:
            current_scratch.reset(token)
        hit("mid_model" if scratch.unit.kind == StepKind.MODEL else "after_tool_before_commit")
        return payload

    async def _recorded(self, session: Session, scratch: Scratch, payload: object) -> object:
        payload, data = _measured(scratch, payload)
        outcome = self._outcome(scratch, payload, data)
        try:
            receipt = await session.journal.record(scratch.unit, outcome)
        except (LeaseLost, asyncio.CancelledError):
            if outcome.effect is not None:
                session.journal.keep_late(scratch.unit, data)
            raise
        hit("after_commit_before_ack")
        session.settle(receipt, outcome.input_tokens + outcome.output_tokens, outcome.cost_usd)
        return payload

    def _outcome(self, scratch: Scratch, payload: object, data: bytes) -> Outcome:
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
            result=data,
            seconds=scratch.seconds,
            event=event,
            manifest=scratch.manifest,
            first_token_ms=scratch.first_token_ms,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            cost_usd=cost or Decimal(0),
            effect=self._effects.state(scratch, payload),
            checked=scratch.checked,
            error_code=scratch.failure.code if scratch.failure else "",
            reservations=scratch.reserved.ids if scratch.reserved else (),
            stretch=scratch.stretch,
        )


class JournalDurability(BaseDurabilityCapability[Session]):
    """The capability that makes an agent durable while a Session is set in its task."""

    engine_spec = SPEC

    def __init__(
        self, effects: Mapping[str, Effect], price: Price, *, streaming: bool, check: Check | None = None
    ) -> None:
        super().__init__(name=AGENT_NAME, event_stream_handler=_speak if streaming else None)
        self._backend = JournalBackend(EffectRules(effects, check), price)

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


def _measured(scratch: Scratch, payload: object) -> tuple[object, bytes]:
    """The payload and its JSON. A tool's result that is too large to keep becomes the call's failure.

    Raises PayloadTooLarge for anything else above 50 MiB.
    """
    data = canonical.dump(payload)
    if len(data) <= LARGEST or scratch.unit.kind != StepKind.TOOL:
        require_size(data, f"answer of the {scratch.unit.kind}")
        return payload, data
    failure = ResultTooLarge(f"{scratch.unit.name} returned {len(data)} bytes; at most {LARGEST} are kept.")
    scratch.fail(failure)
    payload = {"message": failure.message, "kind": "tool_failed"}
    return payload, canonical.dump(payload)


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
