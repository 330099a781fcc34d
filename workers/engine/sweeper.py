"""Runs whose worker's lease has ended become runnable again; any process may sweep at any time."""

import logging
from uuid import UUID

from apps.runs.statements import SWEEP
from workers.engine.database import EnginePool, fetch_all

logger = logging.getLogger(__name__)


async def sweep(pool: EnginePool) -> list[tuple[UUID, int]]:
    """Free the orphans; the runs and the numbers of their new events."""
    rows = await fetch_all(pool, SWEEP, {})
    if rows:
        logger.warning("Runs were orphaned by a lost worker.", extra={"runs": len(rows)})
    return [(row["id"], row["event_seq"]) for row in rows]
