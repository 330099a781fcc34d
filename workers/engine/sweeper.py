"""Runs whose worker's lease has ended become runnable again; any process may sweep at any time."""

import logging
from collections.abc import Collection
from typing import Final
from uuid import UUID

from apps.runs.statements import SWEEP
from workers.engine.database import EnginePool, fetch_all

logger = logging.getLogger(__name__)


HELD: Final = "SELECT id FROM runs_run WHERE worker_id = %(worker)s AND status = 'running'"


async def held_runs(pool: EnginePool, worker_id: UUID) -> set[UUID]:
    """The runs that the database believes this worker to be executing."""
    return {row["id"] for row in await fetch_all(pool, HELD, {"worker": worker_id})}


async def sweep(pool: EnginePool, abandoned: Collection[UUID] = ()) -> list[tuple[UUID, int]]:
    """Free the orphans, and what the caller knows to be abandoned; the runs and the numbers of their new events."""
    rows = await fetch_all(pool, SWEEP, {"abandoned": list(abandoned)})
    if rows:
        logger.warning("Runs were orphaned by a lost worker.", extra={"runs": len(rows)})
    return [(row["id"], row["event_seq"]) for row in rows]
