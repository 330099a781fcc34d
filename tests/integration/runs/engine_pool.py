"""The engine's own connection, so that statements are tried exactly as the engine sends them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from workers.engine.database import EnginePool, fetch_one, new_pool


def through_the_engine(statement: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first row of a statement through psycopg's async pool."""

    async def ask() -> dict[str, Any] | None:
        pool: EnginePool = new_pool()
        async with pool:
            return await fetch_one(pool, statement, parameters)

    return asyncio.run(ask())
