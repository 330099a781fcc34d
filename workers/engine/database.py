"""The engine's own small pool of PostgreSQL connections, for the statements of the hot path, on the loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from django import db
from django.conf import settings
from django.db import connection
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

_SESSION: Final = {
    "statement_timeout": 15_000,
    "lock_timeout": 3_000,
    # An intent that a crash of the server could take back is no protection: its tool would be called twice.
    "synchronous_commit": "on",
    "timezone": "UTC",
}
_WAIT_S = 5.0
_INSIST_S = 60.0
_PAUSE_S = 0.25

logger = logging.getLogger(__name__)
T = TypeVar("T")

AWAY: Final = (OperationalError, ReadOnlySqlTransaction, db.OperationalError, db.InterfaceError)
"""PostgreSQL is away, restarting, busy beyond the timeouts, or for a moment no primary; on our pool or in the ORM."""

EnginePool = AsyncConnectionPool[AsyncConnection[DictRow]]


def connection_parameters() -> dict[str, Any]:
    """How Django reaches its default database, in psycopg's words, with timeouts so that a dead peer is noticed."""
    parameters = connection.get_connection_params()
    kept = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    return kept | {
        "application_name": "cef-engine",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
    }


def new_pool(most: int = 64) -> EnginePool:
    """A closed pool of at most `CEF_ENGINE_CONNECTIONS`, and at most so many; open it on the loop that uses it.

    Autocommit: every statement of the engine is a transaction of its own.
    """
    return AsyncConnectionPool(
        kwargs=connection_parameters() | {"autocommit": True, "row_factory": dict_row},
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=min(most, settings.CEF_ENGINE_CONNECTIONS),
        timeout=_WAIT_S,
        open=False,
        name="cef-engine",
    )


async def fetch_one(pool: EnginePool, statement: str, parameters: Mapping[str, Any]) -> DictRow | None:
    """The first row of one statement, sent prepared after its first uses."""
    async with pool.connection() as link:
        cursor = await link.execute(statement, parameters)
        return await cursor.fetchone()


async def fetch_all(pool: EnginePool, statement: str, parameters: Mapping[str, Any]) -> Sequence[DictRow]:
    """All rows of one statement."""
    async with pool.connection() as link:
        cursor = await link.execute(statement, parameters)
        return await cursor.fetchall()


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """The answer of a statement, tried again for a minute while PostgreSQL is away or restarting.

    The statement may have been committed without its answer arriving, so the caller must tell a repeat from a first
    try. The lease ends long before: a process that cannot write loses its runs, and its coroutines are cancelled.
    """
    deadline = asyncio.get_running_loop().time() + _INSIST_S
    while True:
        try:
            return await call()
        except AWAY as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise
            logger.warning("PostgreSQL does not answer; trying again.", extra={"error": str(error)})
            await asyncio.sleep(_PAUSE_S)
