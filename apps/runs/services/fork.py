"""Copying a conversation up to a point into a new one."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.runs import payloads
from apps.runs.exceptions import RunNotFinished, RunNotFound
from apps.runs.models import Run, Thread, Turn
from apps.runs.services.multitask import lock_thread
from apps.runs.states import TERMINAL, RunStatus, StopReason

SAID = Q(status=RunStatus.SUCCEEDED) | Q(stop_reason=StopReason.INTERRUPTED)


@transaction.atomic
def fork_thread(workspace_id: UUID, thread_id: UUID, *, at_run: UUID | None = None, title: str | None = None) -> Thread:
    """A new thread that begins with what this one had said, up to and with the run `at_run`, or all of it.

    The copy stands by itself: erasing a run of the original does not touch it. Raises ThreadNotFound, RunNotFound for a
    run that is not of the thread, and RunNotFinished for one that has not ended.
    """
    thread = lock_thread(workspace_id, thread_id)
    if at_run is None:
        return _forked(thread, Q(), None, title)
    run = Run.objects.filter(thread_id=thread_id, id=at_run).first()
    if run is None:
        raise RunNotFound
    if run.status not in TERMINAL:
        raise RunNotFinished(f"The run is {run.status}; a thread is forked at a run that has ended.")
    return _forked(thread, Q(finished_at__lte=run.finished_at), run.id, title)


def fork_before(run: Run, thread: Thread) -> Thread:
    """A thread that begins with what the run heard when it began."""
    began: datetime | None = run.started_at
    return _forked(thread, Q() if began is None else Q(finished_at__lt=began), None, None)


def _forked(thread: Thread, until: Q, at_run: UUID | None, title: str | None) -> Thread:
    new = Thread.objects.create(
        workspace_id=thread.workspace_id,
        title=thread.title if title is None else title,
        metadata=thread.metadata,
        forked_from=thread,
        forked_at=at_run,
    )
    copied = list(Turn.objects.filter(thread_id=thread.id).order_by("n").values_list("run_id", "messages"))
    runs = Run.objects.filter(SAID, until, thread_id=thread.id, messages__isnull=False)
    said = runs.exclude(cancel_reason=StopReason.ROLLED_BACK).order_by("finished_at").values_list("id", "messages")
    turns = [
        Turn(thread=new, n=n, run_id=run_id, messages=_kept(thread, messages or b"[]"))
        for n, (run_id, messages) in enumerate([*copied, *said], 1)
    ]
    Turn.objects.bulk_create(turns)
    return new


def _kept(thread: Thread, messages: bytes | memoryview) -> bytes:
    """The same messages, stored anew: what lies apart must not go between reading its row and copying it."""
    return payloads.store(thread.workspace_id, payloads.read(thread.workspace_id, messages), "conversation")
