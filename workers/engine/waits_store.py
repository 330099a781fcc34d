"""The engine's reads and writes of waits: what a turn has got so far, its suspension, and the sweep of what is due."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.core import canonical
from apps.runs.services.waits_due import settle_due
from apps.runs.services.waits_opening import suspend_with_children
from apps.runs.suspension import Suspension
from apps.runs.transitions import Move
from apps.runs.wait_statements import CHILD_WAITS, DUE_WAITS, WAITS_OF_STEP
from apps.runs.waiting import Result, call_digest
from workers.engine.database import EnginePool, fetch_all, fetch_one, insist
from workers.engine.payloads import opened
from workers.engine.threads import DatabaseThreads


@dataclass(frozen=True, slots=True)
class Opened:
    """A wait that was opened before: what it was opened for, and how it ended; None while it is open."""

    digest: bytes
    result: Result | None


Known = dict[tuple[str, str], Opened]
"""By call and kind."""

FIRST = UUID(int=0)


class WaitRows:
    """The waits of one run."""

    def __init__(self, pool: EnginePool, run_id: UUID) -> None:
        self._pool, self._run_id = pool, run_id

    async def of_step(self, run_step: int) -> Known:
        """Those of one step of the agent's loop; one query, and one for what lies apart."""
        found = {"run": self._run_id, "step": run_step}
        rows = await insist(lambda: fetch_all(self._pool, WAITS_OF_STEP, found))
        arguments = await opened(self._pool, self._run_id, [row["arguments"] for row in rows])
        ended = [row for row in rows if row["result"] is not None]
        results = iter(await opened(self._pool, self._run_id, [row["result"] for row in ended]))
        return {
            (row["tool_call_id"], row["kind"]): Opened(
                digest=call_digest(row["tool"], canonical.load(asked)),
                result=None if row["result"] is None else Result.of(next(results)),
            )
            for row, asked in zip(rows, arguments, strict=True)
        }


async def move_run(
    pool: EnginePool, threads: DatabaseThreads, move: Move, parameters: dict[str, Any]
) -> dict[str, Any] | None:
    """The row of the moved run; None when it is another's by now, or is to wait while somebody wants it cancelled."""
    if isinstance(move, Suspension) and move.starts_children:
        seq = await threads.call(suspend_with_children, move)
        return None if seq is None else {"event_seq": seq, "next_id": None, "left_thread": None}
    return await fetch_one(pool, move.statement, parameters)


class DueWaits:
    """Looks for what is due; each look at most a thousand of the waits for children, the next look those behind."""

    def __init__(self, pool: EnginePool, threads: DatabaseThreads) -> None:
        self._pool, self._threads = pool, threads
        self._seen = FIRST

    async def settle(self) -> None:
        """Let timers fire, policies follow, and parents hear of children whose end was told to nobody."""
        due = [row["id"] for row in await fetch_all(self._pool, DUE_WAITS, {})]
        children = await fetch_all(self._pool, CHILD_WAITS, {"after": self._seen})
        self._seen = children[-1]["id"] if children else FIRST
        due += [row["id"] for row in children if row["ended"]]
        if due:
            await self._threads.call(settle_due, due)
