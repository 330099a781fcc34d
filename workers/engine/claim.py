"""Taking the next runnable run: one compare-and-swap that gives this process its epoch."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.runs.limits import Limits, Spent
from apps.runs.statements import CLAIM, CLAIM_QUARANTINED
from workers.engine.database import EnginePool, fetch_one


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run as its new holder found it. `seconds_left` counts to the deadline, by the database's clock.

    A `capped` run holds a place that another one may be waiting for. `input` is a payload as its row holds it.
    """

    id: UUID
    workspace_id: UUID
    agent_version_id: UUID
    thread_id: UUID | None
    epoch: int
    attempt: int
    streaming: bool
    input: bytes
    attachments: list[dict[str, Any]]
    limits: Limits
    spent: Spent
    context_versions: dict[str, int]
    event_seq: int
    cancel_requested: bool
    quarantined: bool
    capped: bool
    seconds_left: float | None
    account_ids: list[UUID]
    parent_id: UUID | None
    budgeted: bool
    worker_id: UUID


class Turns:
    """Whose turn it is: a process serves one workspace after the other, always the oldest run whose caps have room."""

    def __init__(self, *, quarantine: bool = False) -> None:
        self._statement = CLAIM_QUARANTINED if quarantine else CLAIM
        self._served = UUID(int=0)

    async def claim_next(self, pool: EnginePool, worker_id: UUID) -> ClaimedRun | None:
        """A runnable run, now held by the worker; None when there is none or the worker's lease has ended."""
        row = await fetch_one(pool, self._statement, {"worker": worker_id, "after": self._served})
        if row is None:
            return None
        self._served = row["workspace_id"]
        return _claimed(row, worker_id)


def _claimed(row: dict[str, Any], worker_id: UUID) -> ClaimedRun:
    return ClaimedRun(
        id=row["id"],
        workspace_id=row["workspace_id"],
        agent_version_id=row["agent_version_id"],
        thread_id=row["thread_id"],
        epoch=row["lease_epoch"],
        attempt=row["attempt"],
        streaming=row["streaming"],
        input=row["input"],
        attachments=row["attachments"],
        limits=Limits.of(row["limits"]),
        spent=_spent(row),
        context_versions=row["context_versions"],
        event_seq=row["event_seq"],
        cancel_requested=row["cancel_requested"],
        quarantined=row["quarantined"],
        capped=row["capped"],
        seconds_left=row["seconds_left"],
        account_ids=row["account_ids"],
        parent_id=row["parent_id"],
        budgeted=row["budgeted"],
        worker_id=worker_id,
    )


def _spent(row: dict[str, Any]) -> Spent:
    usd: Decimal = row["cost_usd"]
    return Spent(steps=row["step_count"], tokens=row["input_tokens"] + row["output_tokens"], usd=usd)
