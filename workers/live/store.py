"""The few reads of `live`, on psycopg's async pool: no ORM on the loop's thread."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from apps.core.exceptions import Unavailable
from apps.runs.exceptions import RunNotFound
from apps.runs.reading_statements import READ_RUN
from apps.runs.states import TERMINAL, EventType
from workers.engine.database import connection_parameters
from workers.live.frames import event_frame

PAGE: Final = 500
CONNECTIONS: Final = 6
_TIMEOUT_S: Final = 5.0
_PAUSE_S: Final = 1.0

_HEAD = """
SELECT status, event_seq, CASE WHEN status = 'running' AND streaming THEN (
    SELECT seq FROM runs_event WHERE run_id = run.id AND type IN ('run.started', 'step.recorded')
    ORDER BY seq DESC LIMIT 1
) END FROM runs_run AS run WHERE id = %s AND workspace_id = %s"""
_NUMBERS = "SELECT id, event_seq FROM runs_run WHERE id = ANY(%s)"
_EVENTS = """
SELECT seq, type, step_n, created_at, data FROM runs_event
WHERE run_id = %s AND seq > %s ORDER BY seq LIMIT %s"""

Parameters = Sequence[Any] | Mapping[str, Any]

_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError)
_BEGINNINGS: Final = frozenset({EventType.STARTED, EventType.STEP})
_ENDINGS: Final = {f"run.{status}": status.value for status in TERMINAL}


@dataclass(frozen=True, slots=True)
class Head:
    """Where a run stands: its state, and the number of its last event.

    `began` is the event before the call that is under way; None when no text can be on its way.
    """

    status: str
    seq: int
    began: int | None = None

    @property
    def finished(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, ready to be sent. `ending` is the state that the run ended in, when this is what ended it.

    One that `begins` a call comes after all that was said before.
    """

    seq: int
    ending: str | None
    frame: bytes
    begins: bool = False


class Store:
    """Reads of runs and events; each raises Unavailable while PostgreSQL does not answer.

    After a failure the next second's reads fail at once, so that thousands of waiting readers do not queue for it.
    """

    def __init__(self) -> None:
        self._away_until = 0.0
        self._pool = AsyncConnectionPool(
            kwargs=connection_parameters() | {"application_name": "cef-live", "autocommit": True},
            min_size=1,
            max_size=CONNECTIONS,
            timeout=_TIMEOUT_S,
            open=False,
            name="cef-live",
        )

    async def open(self) -> None:
        """Begin to connect; does not wait for PostgreSQL."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def head(self, workspace_id: UUID, run_id: UUID) -> Head:
        """Where the run stands; raises RunNotFound, also for a run of another workspace."""
        rows = await self._rows(_HEAD, (run_id, workspace_id))
        if not rows:
            raise RunNotFound
        return Head(*rows[0])

    async def run(self, workspace_id: UUID, run_id: UUID) -> dict[str, Any]:
        """All that is told of the run, payloads as its row holds them; raises RunNotFound as `head` does."""
        rows = await self._rows(READ_RUN, {"run": run_id, "workspace": workspace_id}, row_factory=dict_row)
        if not rows:
            raise RunNotFound
        found: dict[str, Any] = rows[0]
        return found

    async def numbers(self, run_ids: Iterable[UUID]) -> list[tuple[UUID, int]]:
        """The number of the last event of each of the runs."""
        return [(run_id, seq) for run_id, seq in await self._rows(_NUMBERS, (list(run_ids),))]

    async def events_after(self, run_id: UUID, seq: int) -> list[StoredEvent]:
        """The events after `seq`, at most 500. Numbers are given under the run's row lock, so none appears later."""
        rows = await self._rows(_EVENTS, (run_id, seq, PAGE))
        return [StoredEvent(row[0], _ENDINGS.get(row[1]), event_frame(*row), row[1] in _BEGINNINGS) for row in rows]

    async def answers(self) -> bool:
        """Whether PostgreSQL can be reached."""
        try:
            return bool(await self._rows("SELECT 1", ()))
        except Unavailable:
            return False

    async def _rows(self, query: str, parameters: Parameters, *, row_factory: Any = tuple_row) -> list[Any]:
        if time.monotonic() < self._away_until:
            raise _unavailable()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._insist(query, parameters, row_factory)
        except (*_AWAY, TimeoutError) as error:
            self._away_until = time.monotonic() + _PAUSE_S
            raise _unavailable() from error

    async def _insist(self, query: str, parameters: Parameters, row_factory: Any) -> list[Any]:
        """The second try is for connections that a restart of PostgreSQL broke while they lay in the pool."""
        try:
            return await self._fetch(query, parameters, row_factory)
        except _AWAY:
            await self._pool.check()
            return await self._fetch(query, parameters, row_factory)

    async def _fetch(self, query: str, parameters: Parameters, row_factory: Any) -> list[Any]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True, row_factory=row_factory)
            await cursor.execute(query, parameters)
            return await cursor.fetchall()


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer.", code="database_unavailable")
