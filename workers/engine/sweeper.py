"""Runs whose worker's lease has ended become runnable again; any process may sweep at any time."""

import logging
from collections.abc import Iterable
from uuid import UUID

from apps.runs.statements import FREE_ABANDONED, NEXT_IN_THREADS, SWEEP
from workers.engine.database import EnginePool, fetch_all

logger = logging.getLogger(__name__)

Freed = list[tuple[UUID, int]]
"""Runs and the numbers of their new events."""


async def sweep(pool: EnginePool) -> Freed:
    """Free the orphans of all workers, and runs that are held behind none."""
    rows = await fetch_all(pool, SWEEP, {})
    await fetch_all(pool, NEXT_IN_THREADS, {"thread": None})
    if rows:
        logger.warning("Runs were orphaned by a lost worker.", extra={"runs": len(rows)})
    return [(row["id"], row["event_seq"]) for row in rows]


async def free_abandoned(
    pool: EnginePool, worker_id: UUID, executing: Iterable[UUID], failed: Iterable[UUID] = ()
) -> Freed:
    """Free what the database sees at this worker and nobody there executes: the last resort against a stuck run.

    Those that `failed` by a bug are charged with a crash, the others not.
    """
    held = {"worker": worker_id, "executing": list(executing), "failed": list(failed)}
    rows = await fetch_all(pool, FREE_ABANDONED, held)
    if rows:
        logger.error("Runs were held and not executed; they are freed.", extra={"runs": len(rows)})
    return [(row["id"], row["event_seq"]) for row in rows]
