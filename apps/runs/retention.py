"""Reading how long a workspace keeps its runs, and what would go now."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.core.ids import first_id
from apps.runs.models import Retention
from apps.runs.retention_statements import COUNT_PAYLOADS, COUNT_RUNS

BATCH_RUNS: Final = 100
"""At most so many are locked in one transaction."""

START: Final = UUID(int=0)
"""Before every run."""

_SLACK: Final = timedelta(minutes=10)
"""How far the clock that made a run's id may be from the database's, which says when the run ended."""


def retention_json(workspace_id: UUID) -> dict[str, Any]:
    """The public form: days, of which null is for good, and when the workspace had its last turn."""
    found = Retention.objects.filter(workspace_id=workspace_id).first()
    return {
        "run_days": found.run_days if found else None,
        "payload_days": found.payload_days if found else None,
        "swept_at": found.swept_at if found else None,
    }


def retention_preview(workspace_id: UUID, *, run_days: int | None, payload_days: int | None) -> dict[str, int]:
    """How many runs would go now, and the payloads of how many runs, those among them. Nothing is removed.

    A rerun goes before its original, so that a sweep may find a few more when it comes again. Walks the old runs.
    """
    return {
        "runs": _count(COUNT_RUNS, workspace_id, run_days),
        "payloads": _count(COUNT_PAYLOADS, workspace_id, payload_days),
    }


def due_parameters(workspace_id: UUID, days: int, after: UUID = START) -> dict[str, Any]:
    """What the statements of retention bind; `before` keeps them from walking runs that are surely too young."""
    before = first_id(now() - timedelta(days=days) + _SLACK)
    return {"workspace": workspace_id, "days": days, "after": after, "before": before, "limit": BATCH_RUNS}


def _count(statement: str, workspace_id: UUID, days: int | None) -> int:
    if days is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement, due_parameters(workspace_id, days))
        row = cursor.fetchone()
    return int(row[0]) if row else 0
