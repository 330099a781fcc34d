"""Every Celery task: each names a row and calls one function."""

from celery import shared_task

from workers.engine.bootstep import current_host


@shared_task(name="workers.runs.advance", ignore_result=True)
def advance(run_id: str) -> None:
    """A run is waiting: take the next one. The id only says which run rang, for Flower."""
    current_host().advance()
