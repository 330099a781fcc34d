"""One execution of a claimed run, as the agent's loop, its tools and its journal see it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from apps.agents.definition import AgentBundle
from apps.contexts.assembly.manifest import Manifest
from apps.core import canonical
from apps.runs.limits import Spent, exhausted
from apps.tools.definitions import MountRef, ToolCall
from apps.tools.exceptions import ToolFailed
from workers.engine.claim import ClaimedRun
from workers.engine.journal import Journal, Receipt
from workers.engine.ledger import DatabaseLedger
from workers.engine.publisher import Publisher
from workers.engine.purse import Purse, Reserved
from workers.engine.snapshots import Restart, Snapshots, Stretch
from workers.engine.stops import BudgetExceeded, CancelSeen, Cleared, Drained
from workers.engine.threads import DatabaseThreads
from workers.engine.units import Unit
from workers.engine.waits_store import WaitRows


@dataclass(slots=True)
class Scratch:
    """What the body of one unit leaves for its journal row."""

    unit: Unit
    started: float = field(default_factory=time.monotonic)
    first_token: float | None = None
    manifest: bytes | None = None
    sources: list[dict[str, str]] = field(default_factory=list)
    reserved: Reserved | None = None
    failure: ToolFailed | None = None
    checked: bool = False
    stretch: Stretch | None = None

    def fail(self, error: ToolFailed) -> None:
        """Note why a tool's call has no result."""
        self.failure = error

    @property
    def seconds(self) -> float:
        """Since the unit was started."""
        return time.monotonic() - self.started

    @property
    def first_token_ms(self) -> int | None:
        """From the start to the first token, for a streamed model call."""
        return None if self.first_token is None else round((self.first_token - self.started) * 1000)


current_scratch: ContextVar[Scratch | None] = ContextVar("cef_scratch", default=None)
"""The unit whose body runs in this task."""

current_session: ContextVar["Session | None"] = ContextVar("cef_session", default=None)
"""The run whose agent runs in this task; without one an agent is not durable."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session shares with the other runs of its process.

    `leaving` says that the process shuts down, `holds` that the run is surely still its own.
    """

    publisher: Publisher
    threads: DatabaseThreads
    purse: Purse
    waits: WaitRows
    leaving: Callable[[], bool]
    holds: Callable[[], bool]


class Session:
    """The dependencies of the agent: who it works for, and where it stands with its journal and its limits."""

    def __init__(
        self,
        run: ClaimedRun,
        bundle: AgentBundle,
        journal: Journal,
        around: Surroundings,
        restart: Restart | None = None,
    ) -> None:
        self.run, self.bundle, self.journal, self.threads = run, bundle, journal, around.threads
        self._publisher, self._leaving, self.purse = around.publisher, around.leaving, around.purse
        self.waits, self._holds = around.waits, around.holds
        self.deadline = None if run.seconds_left is None else time.monotonic() + run.seconds_left
        self.model_calls = restart.model_calls if restart else 0
        self.snapshots = Snapshots(restart)
        self.mounts = tuple(_mount(mount, run.context_versions) for mount in bundle.mounts)
        self.manifest: Manifest | None = None
        self._spent, self._calls = run.spent, 0
        self._quiet = asyncio.Event()
        self._speaking: list[str] = []
        self._ordinals: Counter[tuple[int, str]] = Counter()

    @property
    def spent(self) -> Spent:
        """What the recorded steps of this run have used."""
        return self._spent

    @property
    def unfinished(self) -> str:
        """What the model has said since the last recorded step."""
        return "".join(self._speaking)

    def ordinal(self, run_step: int, name: str) -> int:
        """How many operations of this name the step has asked for before."""
        ordinal = self._ordinals[run_step, name]
        self._ordinals[run_step, name] += 1
        return ordinal

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Around the next call, if it may be made. Raises BudgetExceeded, and Drained when the process is leaving.

        In quarantine it raises Cleared once a step was recorded. Both here and not when a step is recorded: calls that
        run beside it are to come to their ends. They count as steps already, or a turn of many calls would all pass
        below the same ceiling; so a refusal waits for them.
        """
        if self._leaving():
            raise Drained
        if self.run.quarantined and self._spent.steps > self.run.spent.steps:
            raise Cleared
        refusal = exhausted(self.run.limits, replace(self._spent, steps=self._spent.steps + self._calls))
        if refusal is not None:
            await self.others_end()
            raise BudgetExceeded(refusal)
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._quiet.set()

    async def begin(self, unit: Unit) -> None:
        """Of a quarantined run each call is told before it is made, so that a crash has a name. Raises LeaseLost."""
        if self.run.quarantined:
            self._publisher.event(self.run.id, await self.journal.begin(unit), passing=True)

    async def others_end(self) -> None:
        """Wait until no call is under way: one that was cut off would have an unknown outcome."""
        while self._calls:
            self._quiet.clear()
            await self._quiet.wait()

    def settle(self, receipt: Receipt, tokens: int, usd: Decimal) -> None:
        """Count a recorded step and tell its readers.

        Raises CancelSeen, for no step starts after a cancel is seen.
        """
        self._spent = Spent(steps=receipt.n, tokens=self._spent.tokens + tokens, usd=self._spent.usd + usd)
        self._publisher.event(self.run.id, receipt.event_seq, passing=True)
        self._speaking.clear()
        self.purse.budgeted = receipt.budgeted
        if receipt.cancel_requested:
            raise CancelSeen

    def speak(self, text: str) -> None:
        """A piece of the model's answer, for whoever listens now."""
        scratch = current_scratch.get()
        if scratch is not None and scratch.first_token is None:
            scratch.first_token = time.monotonic()
        self._speaking.append(text)
        self._publisher.delta(self.run.id, text)

    def tool_call(self, tool_call_id: str, tool_name: str) -> ToolCall:
        """The circumstances of the call that runs in this task; its key stays the same when it is tried again."""
        scratch = current_scratch.get()
        if scratch is None:
            raise RuntimeError(f"The tool {tool_name} ({tool_call_id}) was called outside a durable unit.")
        return ToolCall(
            workspace_id=self.run.workspace_id,
            run_id=self.run.id,
            step_key=scratch.unit.key,
            idempotency_key=canonical.digest([str(self.run.id), scratch.unit.key]).hex(),
            mounts=self.mounts,
            ledger=DatabaseLedger(self.run.id, self.run.epoch, scratch.unit, scratch.fail, self._holds),
        )


def _mount(mount: Any, pinned: dict[str, int]) -> MountRef:
    """A read mount stays at the version of the run's creation; a write mount sees what the run itself writes."""
    version = None if mount.access == "write" else pinned.get(str(mount.context_id), mount.version)
    return MountRef(mount.context_id, version, mount.access)
