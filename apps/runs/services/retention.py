"""Letting finished runs go after a workspace's days, in small transactions that may be interrupted at any time."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core.exceptions import Fault, InvalidInput
from apps.core.idempotency import erase_answers
from apps.runs.models import Account, Batch, Decision, Effect, Retention, Run, Snapshot, Step, Wait
from apps.runs.references import digests_of, release
from apps.runs.retention import START, due_parameters
from apps.runs.retention_statements import OLD_PAYLOADS, OLD_RUNS

BATCH_STEPS: Final = 10_000
"""Of the runs in one transaction; one long run may have more."""

MAX_DAYS: Final = 36_500
NULL: Final = b"null"
"""What is left of a payload whose column must hold one."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction has taken: whole runs, payloads of others, and blobs that only they referred to."""

    runs: int = 0
    payloads: int = 0
    blobs: int = 0


def set_retention(workspace_id: UUID, *, run_days: int | None = None, payload_days: int | None = None) -> Retention:
    """Keep finished runs for so many days, and their payloads for so many; None is for good.

    Raises InvalidInput when neither ends, or for days below one.
    """
    _require_days(run_days=run_days, payload_days=payload_days)
    days = {"run_days": run_days, "payload_days": payload_days}
    retention, _ = Retention.objects.update_or_create(workspace_id=workspace_id, defaults=days)
    return retention


def remove_retention(workspace_id: UUID) -> None:
    """Keep everything for good from now on; does nothing when that was so before."""
    Retention.objects.filter(workspace_id=workspace_id).delete()


def apply_retention(retention: Retention) -> Iterator[Removed]:
    """Take what is too old, one transaction for each item of the iteration; whoever stops early may begin again."""
    if retention.run_days is not None:
        yield from _walk(retention.workspace_id, retention.run_days, OLD_RUNS, _remove_runs)
    if retention.payload_days is not None:
        yield from _walk(retention.workspace_id, retention.payload_days, OLD_PAYLOADS, _remove_payloads)
    Retention.objects.filter(id=retention.id).update(swept_at=Now())


def delete_runs(workspace_id: UUID, run_ids: Collection[UUID]) -> int:
    """Delete finished runs with every row of theirs, in the caller's transaction; how many blobs went with them."""
    digests = digests_of(run_ids)
    Run.objects.filter(workspace_id=workspace_id, id__in=run_ids).delete()
    Account.objects.filter(subject_id__in=run_ids, month=None).delete()
    erase_answers(*run_ids)
    return release(workspace_id, digests)


def _walk(
    workspace_id: UUID, days: int, statement: str, remove: Callable[[UUID, list[UUID]], Removed]
) -> Iterator[Removed]:
    after = START
    while True:
        with transaction.atomic():
            run_ids = _due(statement, due_parameters(workspace_id, days, after))
            if not run_ids:
                return
            removed, after = remove(workspace_id, run_ids), run_ids[-1]
        yield removed


def _due(statement: str, parameters: dict[str, Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[UUID, int]] = cursor.fetchall()
    taken: list[UUID] = []
    steps = 0
    for run_id, step_count in rows:
        steps += step_count
        if taken and steps > BATCH_STEPS:
            break
        taken.append(run_id)
    return taken


def _remove_runs(workspace_id: UUID, run_ids: list[UUID]) -> Removed:
    batches = set(Run.objects.filter(id__in=run_ids, batch__isnull=False).values_list("batch_id", flat=True))
    blobs = delete_runs(workspace_id, run_ids)
    Batch.objects.filter(id__in=batches, runs__isnull=True).delete()
    return Removed(runs=len(run_ids), blobs=blobs)


def _remove_payloads(workspace_id: UUID, run_ids: list[UUID]) -> Removed:
    digests = digests_of(run_ids)
    Run.objects.filter(id__in=run_ids).update(
        input=NULL, output=None, messages=None, attachments=[], payloads_removed_at=Now()
    )
    Step.objects.filter(run_id__in=run_ids).update(request=None, result=None, manifest=None)
    Effect.objects.filter(run_id__in=run_ids).update(arguments=None, result=None, late_result=None)
    Decision.objects.filter(wait__run_id__in=run_ids).update(arguments=None)
    Wait.objects.filter(run_id__in=run_ids).update(arguments=NULL, result=None, prompt="")
    Snapshot.objects.filter(run_id__in=run_ids).delete()
    erase_answers(*run_ids)
    return Removed(payloads=len(run_ids), blobs=release(workspace_id, digests))


def _require_days(**given: int | None) -> None:
    if all(days is None for days in given.values()):
        raise InvalidInput("Retention ends runs, payloads or both: give run_days or payload_days.")
    faults = [
        Fault(f"/{name}", "out_of_range", f"Days are a whole number from 1 to {MAX_DAYS}.")
        for name, days in given.items()
        if days is not None and not 1 <= days <= MAX_DAYS
    ]
    if faults:
        raise InvalidInput("The days are not valid.", errors=faults)
