"""One slice of a run: from the claim to the next state, on the loop."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from pydantic_ai import Agent
from pydantic_ai.durable_exec import JSON_CODEC, replay_scope
from pydantic_ai.messages import ModelMessage, UserContent
from pydantic_ai.run import AgentRunResult

from apps.core import canonical
from apps.core.failpoints import hit
from apps.core.logs import log_fields
from apps.runs.conversation import attached_files, words_of
from apps.runs.dispatch import doorbell
from apps.runs.payloads import Packed
from apps.runs.services.announce import announce_run
from apps.runs.services.waits_children import tell_parent
from apps.runs.states import TERMINAL, RunStatus, StopReason
from apps.runs.suspension import Suspension
from apps.runs.text import prompt_text
from apps.runs.transitions import Move
from apps.runs.turns import free_next
from apps.tools.toolset import changed_tools
from workers.engine.claim import ClaimedRun
from workers.engine.database import AWAY, EnginePool, fetch_all, fetch_one, insist
from workers.engine.journal import NO_PAST, Journal, Past, PostgresStore
from workers.engine.outcome import Holder, cancelled, explained, failed, stop_in, stopped, succeeded
from workers.engine.payloads import opened, packed
from workers.engine.publisher import Publisher
from workers.engine.purse import Purse
from workers.engine.session import Session, Surroundings, current_session
from workers.engine.shelf import BuiltAgent, Shelf
from workers.engine.snapshots import NO_LIMITS, Restart, prepare, run_from
from workers.engine.stops import CancelSeen, Drained, LeaseLost, ReplayMismatch, StopRun
from workers.engine.threads import DatabaseThreads
from workers.engine.waits_store import WaitRows, move_run

logger = logging.getLogger(__name__)

HISTORY: Final = """
SELECT messages FROM (
    SELECT messages, NULL::timestamptz AS at, n FROM runs_turn WHERE thread_id = %(thread)s
    UNION ALL
    SELECT messages, finished_at, 0 FROM runs_run
    WHERE thread_id = %(thread)s AND messages IS NOT NULL AND cancel_reason <> 'rolled_back'
      AND (status = 'succeeded' OR stop_reason = 'interrupted')
      AND finished_at < (SELECT started_at FROM runs_run WHERE id = %(run)s)
) AS said ORDER BY at NULLS FIRST, n"""
"""What had been said when the run began, by the database's clock: a replay reads the same, whatever ended since.

First what a fork copied, then what the thread's own runs said: those that succeeded, and those that were interrupted.
"""

CANCEL_REASON: Final = "SELECT cancel_reason FROM runs_run WHERE id = %(run)s"

HOOK_SECONDS: Final = 30.0


class Slices:
    """Executes claimed runs; shared by all runs of the process. `holds` says whether a worker's lease is good now."""

    def __init__(
        self,
        pool: EnginePool,
        publisher: Publisher,
        threads: DatabaseThreads,
        hooks: DatabaseThreads,
        holds: Callable[[UUID], bool],
    ) -> None:
        self._pool, self._publisher, self._threads, self._hooks = pool, publisher, threads, hooks
        self._holds = holds
        self._store, self._shelf = PostgresStore(pool), Shelf()
        self._causes: dict[Any, StopRun] = {}
        self._sessions: dict[UUID, Session] = {}
        self._finishing: set[Any] = set()
        self.leaving = False
        prepare()

    def stop(self, task: "asyncio.Task[None]", cause: StopRun) -> None:
        """Cancel a slice and say why. The first cause stands, and a slice that writes its outcome is left to it.

        Stopping it again cancels it again, should code within it have swallowed the first cancellation.
        """
        if task.done() or task in self._finishing:
            return
        if task not in self._causes:
            self._causes[task] = cause
            task.add_done_callback(self._forget)
        task.cancel()

    async def execute(self, run: ClaimedRun) -> None:
        """Bring the run to its next state. What goes wrong is the run's outcome; nothing is raised but a bug."""
        with log_fields(run=str(run.id), workspace=str(run.workspace_id)):
            self._publisher.event(run.id, run.event_seq, passing=True)
            move = await self._outcome(run)
            if move is not None:
                await self._finish(run, move)
            self._sessions.pop(run.id, None)

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._causes.pop(task, None)

    async def _outcome(self, run: ClaimedRun) -> Move | None:
        holder = Holder(run.id, run.epoch)
        deadline = asyncio.timeout(run.seconds_left)
        try:
            async with deadline:
                return await self._answered(run, holder)
        except (*AWAY, LeaseLost):
            # Without the database nothing can be written, and by now the lease has ended as well.
            logger.warning("The run is given up here; another process will go on.")
            return None
        except BaseException as error:
            return self._interpreted(holder, error, expired=deadline.expired())

    def _interpreted(self, holder: Holder, error: BaseException, *, expired: bool) -> Move | None:
        stop = stop_in(error) or self._cause_of(error)
        if stop is not None:
            return stopped(holder, stop)
        if expired:
            return failed(holder, "deadline", "The run's seconds are over.", StopReason.DEADLINE)
        if isinstance(error, GeneratorExit):
            raise error
        code, detail = explained(error)
        if code == "internal_error":
            logger.exception("The run failed on an unexpected error.", exc_info=error)
        return failed(holder, code, detail)

    def _cause_of(self, error: BaseException) -> StopRun | None:
        """Why this slice's task was cancelled; a cancellation nobody explained gives the run back."""
        if not isinstance(error, asyncio.CancelledError):
            return None
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return self._causes.get(task, Drained())

    async def _answered(self, run: ClaimedRun, holder: Holder) -> Move:
        if run.cancel_requested:
            raise CancelSeen
        built, past = await self._begun(run)
        if run.spent.steps:
            _require_same_tools(built)
        session = self._sessions[run.id] = self._session(run, built, past)
        asked = await self._prompt(run), await self._history(run)
        result = await self._result(built.agent, session, *asked, past.restart)
        said = await _said(result.new_messages()) if run.thread_id else None
        return succeeded(holder, await packed(canonical.dump(result.output), "output"), said)

    async def _result(
        self,
        agent: "Agent[Session, Any]",
        session: Session,
        prompt: str | Sequence[UserContent],
        history: list[ModelMessage],
        restart: Restart | None,
    ) -> AgentRunResult[Any]:
        token = current_session.set(session)
        try:
            with replay_scope():
                if restart is not None:
                    return await run_from(restart, agent, session, prompt, history)
                return await agent.run(prompt, deps=session, message_history=history, usage_limits=NO_LIMITS)
        finally:
            current_session.reset(token)

    async def _begun(self, run: ClaimedRun) -> tuple[BuiltAgent, Past]:
        """The agent and what earlier executions of the run left."""
        if run.epoch == 1 and not run.spent.steps:  # a rerun has steps before anybody claims it
            return await self._built(run), NO_PAST
        return await asyncio.gather(self._built(run), self._store.past(run.id))

    def _session(self, run: ClaimedRun, built: BuiltAgent, past: Past) -> Session:
        journal = Journal(self._store, run.id, run.epoch, past.recorded, after=past.restart.n if past.restart else 0)
        purse = Purse(self._pool, run)
        waits = WaitRows(self._pool, run.id)
        holds = partial(self._holds, run.worker_id)
        around = Surroundings(self._publisher, self._threads, purse, waits, lambda: self.leaving, holds)
        return Session(run, built.bundle, journal, around, past.restart)

    async def _built(self, run: ClaimedRun) -> BuiltAgent:
        fresh = self._shelf.fresh(run.agent_version_id, run.streaming)
        if fresh is not None:
            return fresh
        return await insist(lambda: self._threads.call(self._shelf.get, run.agent_version_id, run.streaming))

    async def _prompt(self, run: ClaimedRun) -> str | Sequence[UserContent]:
        text = prompt_text(canonical.load((await opened(self._pool, run.id, [run.input]))[0]))
        if not run.attachments:
            return text
        files = await insist(lambda: self._threads.call(attached_files, run.workspace_id, run.attachments))
        return [text, *files]

    async def _history(self, run: ClaimedRun) -> list[ModelMessage]:
        if run.thread_id is None:
            return []
        thread = {"thread": run.thread_id, "run": run.id}
        rows = await insist(lambda: fetch_all(self._pool, HISTORY, thread))
        earlier = await opened(self._pool, run.id, [row["messages"] for row in rows])
        return [message for data in earlier for message in JSON_CODEC.load(list[ModelMessage], canonical.load(data))]

    async def _finish(self, run: ClaimedRun, move: Move) -> None:
        task = asyncio.current_task()
        self._finishing.add(task)
        try:
            move = await self._with_words(run, move)
            parameters = await self._parameters(move)
            row = await insist(lambda: move_run(self._pool, self._threads, move, parameters))
        finally:
            self._finishing.discard(task)
        if row is None and move.to not in TERMINAL:
            # Either the run is another's by now, or it is to be cancelled: then only this move is possible.
            await self._finish(run, cancelled(Holder(run.id, run.epoch)))
            return
        if row is None:
            logger.warning("The run was taken over before its outcome was written.", extra={"to": move.to.value})
            return
        hit("before_publish")
        self._publisher.event(move.run_id, row["event_seq"], urgent=move.to in TERMINAL)
        if row["next_id"] is not None:
            await self._threads.call(doorbell.ring, row["next_id"])
        elif row["left_thread"] is not None:
            await self._threads.call(free_next, row["left_thread"])
        if move.to == RunStatus.QUEUED:
            await self._threads.call(doorbell.ring, run.id)
        if move.to in TERMINAL and run.parent_id is not None:
            await self._threads.call(tell_parent, run.id)
        if move.to in TERMINAL and parameters["announce"]:
            await self._announce(move)

    async def _parameters(self, move: Move) -> dict[str, Any]:
        """Not on the loop where large arguments may have to be packed."""
        return await asyncio.to_thread(move.parameters) if isinstance(move, Suspension) else move.parameters()

    async def _with_words(self, run: ClaimedRun, move: Move) -> Move:
        """A run that a newer one interrupts leaves in its thread what it has said, also what it was just saying."""
        if run.thread_id is None or move.to != RunStatus.CANCELLED:
            return move
        row = await insist(lambda: fetch_one(self._pool, CANCEL_REASON, {"run": run.id}))
        if row is None or row["cancel_reason"] != StopReason.INTERRUPTED:
            return move
        session = self._sessions.get(run.id)
        read = partial(words_of, run.id, unfinished=session.unfinished if session else "")
        said = await insist(lambda: self._threads.call(read))
        return replace(move, messages=await packed(said, "conversation"))

    async def _announce(self, move: Move) -> None:
        """Call the hooks in threads of their own; one that hangs keeps its thread, and neither the run nor its slot."""
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                await self._hooks.call(announce_run, move.run_id, move.to.value)
        except (TimeoutError, *AWAY) as error:
            logger.warning("Completion hooks are left to the sweeper.", extra={"error": repr(error)})


def _require_same_tools(built: BuiltAgent) -> None:
    """A run that has begun goes on with the code that it began with. Raises ReplayMismatch."""
    changed = changed_tools(built.bundle.tools)
    if changed:
        raise ReplayMismatch(" ".join(changed))


async def _said(messages: list[ModelMessage]) -> Packed:
    """What the run adds to its thread."""
    return await packed(canonical.dump(JSON_CODEC.dump(list[ModelMessage], messages)), "conversation")
