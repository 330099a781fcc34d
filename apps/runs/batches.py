"""How far batches are: counted over their runs, which an index finds by batch and state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from apps.runs.exceptions import BatchNotFound
from apps.runs.models import Batch, Run
from apps.runs.states import ACTIVE, TERMINAL, RunStatus

_SUMMED = ("step_count", "model_calls", "input_tokens", "output_tokens", "cost_usd")
_WORKED = (RunStatus.SUCCEEDED, RunStatus.FAILED)
_MOVING = (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(slots=True)
class Progress:
    """What the runs of a batch have done so far; runs that were erased are in no count."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RunStatus, 0))
    step_count: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def add(self, status: RunStatus, number: int, row: Sequence[Any]) -> None:
        """The runs in one state: their number, sums as `_SUMMED` names them, the first start and the last end."""
        self.counts[status] = number
        for name, more in zip(_SUMMED, row[:-2], strict=True):
            setattr(self, name, getattr(self, name) + more)
        self.started_at = min(filter(None, (self.started_at, row[-2])), default=None)
        self.finished_at = max(filter(None, (self.finished_at, row[-1])), default=None)

    @property
    def ended(self) -> int:
        """Runs that have come to an end, whichever."""
        return sum(self.counts[status] for status in TERMINAL)

    @property
    def unfinished(self) -> int:
        return sum(self.counts[status] for status in ACTIVE)

    def eta(self, now: datetime) -> datetime | None:
        """When the last run will have ended if the rest goes on as fast as those before it.

        None while nothing has ended, once everything has, and while runs wait for somebody, who may take any time.
        """
        worked = sum(self.counts[status] for status in _WORKED)
        left = sum(self.counts[status] for status in _MOVING)
        if not worked or not left or self.counts[RunStatus.WAITING] or self.started_at is None:
            return None
        return now + (now - self.started_at) * (left / worked)


def get_batch(workspace_id: UUID, batch_id: UUID) -> Batch:
    """Raises BatchNotFound, also for another workspace's."""
    batch = Batch.objects.filter(workspace_id=workspace_id, id=batch_id).first()
    if batch is None:
        raise BatchNotFound
    return batch


def progress_of(batch_ids: Iterable[UUID]) -> dict[UUID, Progress]:
    """How far each of these batches is; one query for all."""
    ids = list(batch_ids)
    found = {batch_id: Progress() for batch_id in ids}
    rows = Run.objects.filter(batch_id__in=ids).order_by().values_list("batch_id", "status")
    sums = {f"{name}_sum": Sum(name) for name in _SUMMED}
    times = {"first": Min("started_at"), "last": Max("finished_at")}
    for batch_id, status, number, *rest in rows.annotate(Count("id"), **sums, **times):
        found[batch_id].add(RunStatus(status), number, rest)
    return found


def batch_json(batch: Batch, progress: Progress) -> dict[str, Any]:
    """The public form of a batch: its progress as one row."""
    return {
        "id": batch.id,
        "total": batch.total,
        "ended": progress.ended,
        "counts": progress.counts | {"erased": batch.total - progress.ended - progress.unfinished},
        "usage": {
            "steps": progress.step_count,
            "model_calls": progress.model_calls,
            "input_tokens": progress.input_tokens,
            "output_tokens": progress.output_tokens,
            "cost_usd": format(progress.cost_usd.normalize(), "f"),
        },
        "metadata": batch.metadata,
        "created_at": batch.created_at,
        "started_at": progress.started_at,
        "finished_at": None if progress.unfinished else progress.finished_at,
        "eta": progress.eta(timezone.now()),
        "links": _links(batch.id),
    }


def _links(batch_id: UUID) -> dict[str, str]:
    api = f"{settings.CEF_PUBLIC_URL}/api/v1"
    return {
        "self": f"{api}/batches/{batch_id}",
        "runs": f"{api}/runs?batch_id={batch_id}",
        "admin": f"{settings.CEF_PUBLIC_URL}/admin/runs/batch/{batch_id}/change/",
    }
