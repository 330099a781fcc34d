"""Whose turn it is in a thread: letting the first of its held runs go when none is before it any more."""

from uuid import UUID

from django.db import connection

from apps.runs.dispatch import doorbell
from apps.runs.statements import NEXT_IN_THREADS


def free_next(thread_id: UUID | None) -> None:
    """Let the thread's next run go, if it is its turn, and ring for it; None is every thread.

    For after a commit, of a held run and of a run's end: if each had not seen the other, the later of the two does now.
    """
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IN_THREADS, {"thread": thread_id})
        freed = cursor.fetchall()
    for (run_id,) in freed:
        doorbell.ring(run_id)
