"""Taking the next runnable run: one compare-and-swap that gives this process its epoch."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.core import canonical
from apps.runs.limits import Limits, Spent
from apps.runs.statements import CLAIM
from workers.engine.database import EnginePool, fetch_one


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run as its new holder found it. `seconds_left` counts to the deadline, by the database's clock."""

    id: UUID
    workspace_id: UUID
    agent_version_id: UUID
    thread_id: UUID | None
    epoch: int
    attempt: int
    streaming: bool
    input: Any
    attachments: list[dict[str, Any]]
    limits: Limits
    spent: Spent
    context_versions: dict[str, int]
    event_seq: int
    cancel_requested: bool
    seconds_left: float | None


async def claim_next(pool: EnginePool, worker_id: UUID) -> ClaimedRun | None:
    """The oldest runnable run, now held by the worker; None when there is none or the worker's lease has ended."""
    row = await fetch_one(pool, CLAIM, {"worker": worker_id})
    return None if row is None else _claimed(row)


def _claimed(row: dict[str, Any]) -> ClaimedRun:
    return ClaimedRun(
        id=row["id"],
        workspace_id=row["workspace_id"],
        agent_version_id=row["agent_version_id"],
        thread_id=row["thread_id"],
        epoch=row["lease_epoch"],
        attempt=row["attempt"],
        streaming=row["streaming"],
        input=canonical.load(row["input"]),
        attachments=row["attachments"],
        limits=Limits.of(row["limits"]),
        spent=_spent(row),
        context_versions=row["context_versions"],
        event_seq=row["event_seq"],
        cancel_requested=row["cancel_requested"],
        seconds_left=row["seconds_left"],
    )


def _spent(row: dict[str, Any]) -> Spent:
    usd: Decimal = row["cost_usd"]
    return Spent(steps=row["step_count"], tokens=row["input_tokens"] + row["output_tokens"], usd=usd)
