"""A long run restarted from its snapshots does what it would have done undisturbed, and replays little."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry, RunContext, Tool
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from apps.core import canonical
from apps.tools.effects import Effect
from tests.unit.test_engine_durability import BUNDLE, RUN, Crash, Readers, Store, claimed
from workers.engine.durability import JournalDurability
from workers.engine.journal import Journal
from workers.engine.purse import Purse
from workers.engine.session import Session, Surroundings, current_session
from workers.engine.snapshots import NO_LIMITS, Restart, read_restart, run_from
from workers.engine.stops import ReplayMismatch
from workers.engine.units import AGENT_NAME

TURNS = 40
HISTORY: list[ModelMessage] = [
    message
    for n in range(200)
    for message in (
        ModelRequest(parts=[UserPromptPart(f"Before {n}?")], run_id="earlier"),
        ModelResponse(parts=[TextPart(f"Before {n}.")], run_id="earlier"),
    )
]


class World:
    """An agent with 40 turns: one call, three at once, text beside a call, and now and then one that fails."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.seen: dict[int, list[int]] = {}

    def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turn = sum(isinstance(message, ModelResponse) and message.run_id != "earlier" for message in messages)
        if turn == TURNS:
            return ModelResponse(parts=[TextPart("Done.")])
        numbers = [turn, turn + 100, turn + 200] if turn % 7 == 3 else [turn]
        parts = [ToolCallPart("work", {"n": n}, tool_call_id=f"call-{n}") for n in numbers]
        return ModelResponse(parts=[TextPart(f"Turn {turn}."), *parts] if turn % 2 else parts)

    async def stream(self, messages: list[ModelMessage], info: AgentInfo) -> Any:
        for index, part in enumerate(self.answer(messages, info).parts):
            if isinstance(part, TextPart):
                yield part.content
            elif isinstance(part, ToolCallPart):
                arguments = part.args_as_json_str()
                yield {index: DeltaToolCall(part.tool_name, arguments, tool_call_id=part.tool_call_id)}

    async def work(self, ctx: RunContext[Session], n: int) -> str:
        self.calls.append(f"{n}")
        self.seen.setdefault(n, []).append(ctx.retry)
        if n in {9, 10, 31}:
            raise ModelRetry(f"Not {n}, please.")
        return f"worked on {n}"

    def agent(self, *, streaming: bool = False) -> Agent[Session, str]:
        capability = JournalDurability({"work": Effect.READ_ONLY}, lambda _response: Decimal(0), streaming=streaming)
        return Agent(
            FunctionModel(self.answer, stream_function=self.stream, model_name="function"),
            name=AGENT_NAME,
            deps_type=Session,
            instructions="Work.",
            tools=[Tool(self.work, max_retries=5)],
            capabilities=[capability],
        )


def play(
    world: World,
    store: Store,
    restart: Restart | None = None,
    *,
    history: list[ModelMessage] = HISTORY,
    streaming: bool = False,
) -> Any:
    """The run's result, played to its end on top of what the store holds."""
    run = claimed()

    async def main() -> Any:
        after = restart.n if restart else 0
        journal = Journal(store, RUN, run.epoch, store.steps[after:], after=after)
        purse = Purse(None, run)  # type: ignore[arg-type]
        around = Surroundings(Readers(), None, purse, None, lambda: False, lambda: True)  # type: ignore[arg-type]
        session = Session(run, BUNDLE, journal, around, restart)
        agent = world.agent(streaming=streaming)
        token = current_session.set(session)
        try:
            if restart is not None:
                return await run_from(restart, agent, session, "go", history)
            return await agent.run("go", deps=session, message_history=history, usage_limits=NO_LIMITS)
        finally:
            current_session.reset(token)

    return asyncio.run(main())


def restart_of(store: Store, steps: int, run_id: str = str(RUN)) -> Restart | None:
    """What a resume finds of a run that died after so many steps."""
    kept = [outcome.stretch for _, outcome in store.outcomes[:steps] if outcome.stretch is not None]
    rows = [{"n": each.n, "run_step": each.run_step, "model_calls": each.model_calls} for each in kept]
    return read_restart(rows, [each.data for each in kept], run_id)


def died(store: Store, steps: int) -> Store:
    """A journal that ends after so many steps."""
    copy = Store()
    copy.steps, copy.outcomes = store.steps[:steps], store.outcomes[:steps]
    return copy


def said(messages: list[ModelMessage]) -> Any:
    """Messages without the times at which they were sent."""
    return _timeless(JSON_CODEC.dump(list[ModelMessage], messages))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name != "timestamp"}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def undisturbed() -> tuple[World, Store, Any]:
    world, store = World(), Store()
    return world, store, play(world, store)


def test_it_works(undisturbed):
    world, store, result = undisturbed
    stretches = [outcome.stretch for _, outcome in store.outcomes if outcome.stretch]
    assert (result.output, len(store.steps), len(world.calls)) == ("Done.", 93, 52)
    assert [stretch.n for stretch in stretches] == [20, 42, 62, 80]


@pytest.mark.parametrize("steps", range(20, 93, 3))
def test_a_restart_after_any_step_ends_alike(undisturbed, steps):
    _, store, result = undisturbed
    again, journal = World(), died(store, steps)
    other = play(again, journal, restart_of(store, steps))
    assert (other.output, said(other.all_messages())) == (result.output, said(result.all_messages()))
    assert said(other.new_messages()) == said(result.new_messages())
    assert [(step.key, step.digest) for step in journal.steps] == [(step.key, step.digest) for step in store.steps]
    executed = [unit.tool_call_id for unit, _ in store.outcomes[steps:] if unit.tool_call_id]
    assert sorted(again.calls) == sorted(call_id.removeprefix("call-") for call_id in executed)


@pytest.mark.parametrize("steps", [25, 45, 65, 85])
def test_what_was_used_is_not_given_anew(undisturbed, steps):
    """Retries of a tool, tokens, and the number of model calls, by which scripted models play their parts."""
    world, store, result = undisturbed
    again, restart = World(), restart_of(store, steps)
    assert restart is not None
    assert restart.model_calls == sum(unit.kind == "model" for unit, _ in store.outcomes[: restart.n])
    other = play(again, died(store, steps), restart)
    assert all(seen == world.seen[n] for n, seen in again.seen.items())
    assert other.usage == result.usage


def test_a_snapshot_holds_each_message_once(undisturbed):
    _, store, result = undisturbed
    kept = [canonical.load(outcome.stretch.data)["messages"] for _, outcome in store.outcomes if outcome.stretch]
    flat = [message for messages in kept for message in messages]
    assert _timeless(flat) == said(result.all_messages())[400 : 400 + len(flat)]


def test_snapshots_go_on_after_a_restart(undisturbed):
    _, store, _ = undisturbed
    journal = died(store, 45)
    play(World(), journal, restart_of(store, 45))
    assert [o.stretch.n for _, o in journal.outcomes if o.stretch] == [20, 42, 62, 80]
    once_more = died(journal, 70)
    assert play(World(), once_more, restart_of(journal, 70)).output == "Done."


def test_a_copy_of_the_journal_restarts_under_its_own_name(undisturbed):
    """As a rerun does, whose steps and snapshots are its original's."""
    _, store, _ = undisturbed
    restart = restart_of(store, 50, run_id="another")
    assert restart is not None
    assert {message.run_id for message in restart.messages} == {"another"}


def test_a_journal_that_strays_behind_the_snapshot_is_refused(undisturbed):
    _, store, _ = undisturbed
    world, journal = World(), died(store, 50)
    restart = restart_of(store, 50)
    journal.steps[44] = journal.steps[43]
    with pytest.raises(ReplayMismatch):
        play(world, journal, restart)
    assert world.calls == []


def test_another_history_is_refused(undisturbed):
    """Say because a run of the thread has been erased meanwhile."""
    _, store, _ = undisturbed
    world = World()
    with pytest.raises(ReplayMismatch):
        play(world, died(store, 50), restart_of(store, 50), history=[])
    assert world.calls == []


def test_a_streamed_run():
    world, store = World(), Store()
    result = play(world, store, streaming=True)
    again = play(World(), died(store, 50), restart_of(store, 50), streaming=True)
    assert (again.output, said(again.all_messages())) == ("Done.", said(result.all_messages()))


def test_a_short_run_has_none():
    world, store = World(), Store(dies_after=60)
    with pytest.raises(Crash):
        play(world, store, history=[])
    assert [outcome.stretch for _, outcome in store.outcomes] == [None] * 60
    assert restart_of(store, 60) is None
