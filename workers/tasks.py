"""Every Celery task: each names a row, or nothing, and calls one function. Queues follow the names."""

from uuid import UUID

from celery import shared_task

from apps.contexts.documents.progress import ring_stalled_jobs
from apps.runs.dispatch import doorbell
from workers.batch.pipeline import advance_ingest
from workers.engine.bootstep import CANARY, current_host, hear_canary
from workers.ops import garbage, retention, schedules, sweeping, unused


@shared_task(name="workers.runs.advance", ignore_result=True)
def advance(run_id: str, many: bool = False) -> None:
    """A run is waiting, or many: take the next one. The id only says which run rang, for Flower."""
    host = current_host()
    if host.is_leaving:
        doorbell.ring(UUID(run_id), many=many)
    else:
        host.advance(many=many)


@shared_task(name=CANARY, ignore_result=True, send_events=False)
def canary() -> None:
    """A process asks itself through Redis whether it still takes messages."""
    hear_canary()


@shared_task(name="workers.quarantine.advance", ignore_result=True)
def advance_suspect(run_id: str) -> None:
    """A run has lost its worker again and again: take the next of its kind."""
    current_host().advance()


@shared_task(
    name="workers.batch.advance_ingest", ignore_result=True, acks_late=True, time_limit=300, soft_time_limit=270
)
def advance_ingest_job(job_id: str) -> None:
    """Bring some documents of an ingest job to their end."""
    advance_ingest(UUID(job_id))


@shared_task(name="workers.ops.sweep", ignore_result=True)
def sweep() -> None:
    """Every few seconds: what was lost, forgotten or stands still goes on."""
    sweeping.sweep_runs()
    sweeping.announce_finished()
    sweeping.sweep_caps()
    schedules.fire_due_schedules()
    ring_stalled_jobs()


@shared_task(name="workers.ops.collect_garbage", ignore_result=True)
def collect_garbage() -> None:
    """Every hour: rows that served their time go."""
    garbage.collect_garbage()


@shared_task(name="workers.ops.retain", ignore_result=True)
def retain() -> None:
    """Every five minutes: what workspaces no longer keep goes, and bytes that nothing refers to."""
    retention.sweep_retention()
    unused.collect_unused()
