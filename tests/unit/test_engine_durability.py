"""pydantic-ai's loop over our journal, without a database: nothing that was recorded happens again."""

import asyncio
import uuid
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from apps.agents.definition import AgentBundle
from apps.core import canonical
from apps.runs.limits import Limits, Spent
from apps.runs.states import StepKind
from apps.tools.effects import Effect
from workers.engine.claim import ClaimedRun
from workers.engine.durability import JournalDurability
from workers.engine.journal import Journal, Outcome, Past, Receipt, Recorded
from workers.engine.purse import Purse
from workers.engine.session import Scratch, Session, Surroundings, current_scratch, current_session
from workers.engine.stops import BudgetExceeded, CancelSeen, Drained, LeaseLost, OutcomeUnknown, ReplayMismatch
from workers.engine.units import AGENT_NAME, Unit

RUN = uuid.UUID("01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10")


class Crash(BaseException):
    """The process dies here."""


class Store:
    """A journal in memory; `dies_after` records it raises Crash instead of answering."""

    def __init__(self, dies_after: int = 10**6, *, refuses: bool = False, cancel_at: int = 0) -> None:
        self.steps: list[Recorded] = []
        self.outcomes: list[tuple[Unit, Outcome]] = []
        self.intents: set[str] = set()
        self.late: list[Any] = []
        self.dies_after, self.refuses, self.cancel_at = dies_after, refuses, cancel_at

    async def past(self, run_id: uuid.UUID) -> Past:
        return Past(recorded=list(self.steps))

    async def record(self, run_id: uuid.UUID, epoch: int, unit: Unit, outcome: Outcome) -> Receipt:
        if self.refuses:
            raise LeaseLost
        if len(self.steps) >= self.dies_after:
            raise Crash
        self.steps.append(Recorded(key=unit.key, digest=unit.digest, result=outcome.result, kind=unit.kind.value))
        self.outcomes.append((unit, outcome))
        n = len(self.steps)
        return Receipt(n=n, event_seq=n, cancel_requested=n == self.cancel_at)

    async def recall(self, run_id: uuid.UUID, key: str) -> bytes | None:
        return None

    async def intend(self, run_id: uuid.UUID, epoch: int, unit: Unit, *, again: bool = False) -> None:
        if unit.key in self.intents and not again:
            raise OutcomeUnknown
        self.intents.add(unit.key)

    def keep_late(self, run_id: uuid.UUID, epoch: int, key: str, payload: bytes) -> None:
        self.late.append(canonical.load(payload))


class Readers:
    """Who follows live."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.text = ""

    def event(self, run_id: uuid.UUID, seq: int, *, passing: bool = False) -> None:
        self.events.append(seq)

    def delta(self, run_id: uuid.UUID, text: str) -> None:
        self.text += text


class World:
    """What really happened: model requests and tool calls."""

    def __init__(self) -> None:
        self.model_calls = 0
        self.tool_calls: list[str] = []

    def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.model_calls += 1
        returned = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if not returned:
            calls = [ToolCallPart("double", {"x": x}, tool_call_id=f"call-{x}") for x in (1, 2, 3)]
            return ModelResponse(parts=calls)
        return ModelResponse(parts=[TextPart(" ".join(str(part.content) for part in returned))])

    async def stream(self, messages: list[ModelMessage], info: AgentInfo) -> Any:
        self.model_calls += 1
        if len(messages) == 1:
            yield {0: DeltaToolCall(name="double", json_args='{"x": 1}', tool_call_id="call-1")}
        else:
            for piece in ("two", " and", " done"):
                yield piece

    async def double(self, x: int) -> int:
        await asyncio.sleep(0.001 * (4 - x))
        self.tool_calls.append(str(x))
        return 2 * x


def agent(world: World, effect: Effect = Effect.READ_ONLY, *, streaming: bool = False) -> Agent[Session, str]:
    return Agent(
        FunctionModel(world.answer, stream_function=world.stream, model_name="function"),
        name=AGENT_NAME,
        deps_type=Session,
        tools=[world.double],
        capabilities=[JournalDurability({"double": effect}, lambda _response: Decimal("0.01"), streaming=streaming)],
    )


def claimed(attempt: int = 1, limits: Limits | None = None) -> ClaimedRun:
    return ClaimedRun(
        id=RUN,
        workspace_id=RUN,
        agent_version_id=RUN,
        thread_id=None,
        epoch=attempt,
        attempt=attempt,
        streaming=False,
        input="go",
        attachments=[],
        limits=limits or Limits(),
        spent=Spent(),
        context_versions={},
        event_seq=2,
        cancel_requested=False,
        quarantined=False,
        capped=False,
        seconds_left=None,
        account_ids=[],
        parent_id=None,
        budgeted=False,
        worker_id=RUN,
    )


BUNDLE = AgentBundle(
    version_id=RUN,
    workspace_id=RUN,
    agent_id=RUN,
    number=1,
    model_id=RUN,
    instructions="",
    settings={},
    output_schema=None,
    tools=(),
    mounts=(),
    limits={},
    streaming=False,
    context_budget_tokens=1000,
)


def execute(
    world: World,
    store: Store,
    run: ClaimedRun | None = None,
    *,
    prompt: str = "go",
    built: Agent[Session, str] | None = None,
    readers: Readers | None = None,
    leaves_after: int = 10**6,
) -> str:
    run = run or claimed()

    async def main() -> str:
        journal = Journal(store, RUN, run.epoch, (await store.past(RUN)).recorded)
        purse, leaving = Purse(None, run), lambda: len(store.steps) >= leaves_after  # type: ignore[arg-type]
        around = Surroundings(readers or Readers(), None, purse, None, leaving, lambda: True)  # type: ignore[arg-type]
        session = Session(run, BUNDLE, journal, around)
        token = current_session.set(session)
        try:
            result = await (built or agent(world)).run(prompt, deps=session)
        finally:
            current_session.reset(token)
        return result.output

    return asyncio.run(main())


def test_it_works() -> None:
    world, store, readers = World(), Store(), Readers()
    assert execute(world, store, readers=readers) == "2 4 6"
    assert [(unit.kind.value, unit.name) for unit, _ in store.outcomes[::4]] == [
        ("model", "function"),
        ("model", "function"),
    ]
    assert sorted(unit.tool_call_id for unit, _ in store.outcomes[1:4]) == ["call-1", "call-2", "call-3"]
    assert readers.events == [1, 2, 3, 4, 5]


def test_names_in_the_journal_are_pinned() -> None:
    """Renaming one would execute every recorded unit of every unfinished run again."""
    store = Store()
    execute(World(), store)
    assert sorted(step.key for step in store.steps) == [
        "1/agent__model.request/0",
        "1/tool:double/call-1",
        "1/tool:double/call-2",
        "1/tool:double/call-3",
        "2/agent__model.request/0",
    ]


@pytest.mark.parametrize("recorded", range(5))
def test_a_crash_repeats_no_recorded_unit(recorded: int) -> None:
    world, store = World(), Store(dies_after=recorded)
    with pytest.raises(BaseException) as died:
        execute(world, store)
    assert "Crash" in repr(died.value)
    before = [step.key for step in store.steps]
    assert len(before) == recorded
    again = World()
    store.dies_after = 10**6
    assert execute(again, store, claimed(attempt=2)) == "2 4 6"
    assert [step.key for step in store.steps][:recorded] == before
    assert again.model_calls + len(again.tool_calls) == 5 - recorded


def test_results_reach_the_call_that_asked_whatever_their_order() -> None:
    store = Store()
    execute(World(), store)
    tools = [step for step in store.steps if step.kind == "tool"]
    assert {step.key[-1]: canonical.load(step.result)["result"] for step in tools} == {"1": 2, "2": 4, "3": 6}


def test_an_unsafe_tool_with_an_intent_is_not_called_again() -> None:
    world, store = World(), Store(dies_after=1)
    with pytest.raises(BaseException) as died:
        execute(world, store, built=agent(world, Effect.UNSAFE))
    assert "Crash" in repr(died.value)
    assert len(store.intents) == 3
    assert "3" in world.tool_calls
    assert len(world.tool_calls) == len(set(world.tool_calls))
    store.dies_after = 10**6
    again = World()
    with pytest.raises(BaseException) as stopped:
        execute(again, store, claimed(attempt=2), built=agent(again, Effect.UNSAFE))
    assert "OutcomeUnknown" in repr(stopped.value)
    assert again.tool_calls == []


def test_a_replay_with_another_prompt_executes_nothing() -> None:
    store = Store()
    execute(World(), store)
    again = World()
    with pytest.raises(ReplayMismatch):
        execute(again, store, claimed(attempt=2), prompt="something else")
    assert (again.model_calls, again.tool_calls) == (0, [])


def test_a_zombie_stops_at_its_first_write() -> None:
    world = World()
    with pytest.raises(LeaseLost):
        execute(world, Store(refuses=True))
    assert (world.model_calls, world.tool_calls) == (1, [])


def test_a_budget_refuses_before_the_call() -> None:
    world = World()
    with pytest.raises(BaseException) as stopped:
        execute(world, Store(), claimed(limits=Limits(steps=1)))
    assert "BudgetExceeded" in repr(stopped.value)
    assert BudgetExceeded.code == "budget_exceeded"
    assert (world.model_calls, world.tool_calls) == (1, [])


def test_no_step_starts_after_a_cancel_is_seen() -> None:
    world = World()
    with pytest.raises(CancelSeen):
        execute(world, Store(cancel_at=1))
    assert (world.model_calls, world.tool_calls) == (1, [])


@pytest.mark.parametrize("recorded", [0, 1])
def test_a_leaving_process_begins_no_step(recorded: int) -> None:
    world, store = World(), Store()
    with pytest.raises(Drained):
        execute(world, store, leaves_after=recorded)
    assert (world.model_calls, world.tool_calls, len(store.steps)) == (recorded, [], recorded)


def test_calls_that_run_when_the_process_leaves_come_to_their_ends() -> None:
    """An unsafe call that was cut off because its neighbour was recorded would need a person's decision."""
    world, store = World(), Store()
    with pytest.raises(Drained):
        execute(world, store, built=agent(world, Effect.UNSAFE), leaves_after=2)
    assert (world.model_calls, sorted(world.tool_calls), len(store.steps)) == (1, ["1", "2", "3"], 4)


def test_a_streamed_run_tells_its_tokens_and_replays_without_them() -> None:
    world, store, readers = World(), Store(), Readers()
    built = agent(world, streaming=True)
    assert execute(world, store, built=built, readers=readers) == "two and done"
    assert readers.text == "two and done"
    assert [step.key.split("/")[1] for step in store.steps] == [
        "agent__model.request_stream",
        "tool:double",
        "agent__model.request_stream",
    ]
    again, silent = World(), Readers()
    replayed = agent(again, streaming=True)
    assert execute(again, store, claimed(attempt=2), built=replayed, readers=silent) == "two and done"
    assert (again.model_calls, again.tool_calls, silent.text) == (0, [], "")


def test_nul_and_lone_surrogates_survive_the_journal() -> None:
    class Odd(World):
        def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            return ModelResponse(parts=[TextPart("a\x00b\ud800c")])

    store = Store()
    assert execute(Odd(), store) == "a\x00b\ud800c"
    assert execute(World(), store, claimed(attempt=2), built=agent(Odd())) == "a\x00b\ud800c"


@pytest.mark.parametrize("call_id", ["c\x00", "c\ud800", "c" * 121, "ç"])
def test_any_call_id_names_a_step_that_postgresql_can_hold(call_id: str) -> None:
    class Odd(World):
        def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            if len(messages) > 1:
                return ModelResponse(parts=[TextPart("done")])
            return ModelResponse(parts=[ToolCallPart("double", {"x": 1}, tool_call_id=call_id)])

    store = Store()
    assert execute(Odd(), store, built=agent(Odd())) == "done"
    unit = store.outcomes[1][0]
    assert (unit.kind.value, len(unit.key.rpartition("/")[2])) == ("tool", 64)
    assert "\x00" not in unit.tool_call_id
    assert unit.tool_call_id.encode().decode() == unit.tool_call_id
    again = Odd()
    assert execute(again, store, claimed(attempt=2), built=agent(again)) == "done"
    assert again.tool_calls == []


@pytest.mark.parametrize("holds", [True, False])
def test_a_call_begins_only_while_the_lease_is_held(holds: bool) -> None:
    """A process that was stopped after the intent must not make the call when it comes back."""
    run, asked = claimed(), Unit("1/pay/c", StepKind.TOOL, "pay", 1, bytes(32), "c", {})
    around = Surroundings(Readers(), None, Purse(None, run), None, lambda: False, lambda: holds)  # type: ignore[arg-type]
    session = Session(run, BUNDLE, Journal(Store(), RUN, 1), around)
    token = current_scratch.set(Scratch(asked))
    try:
        ledger = session.tool_call("c", "pay").ledger
    finally:
        current_scratch.reset(token)
    assert ledger is not None
    with nullcontext() if holds else pytest.raises(LeaseLost):
        ledger.begin()
