"""What hears that a run has ended: a Django signal and the entry point group `cef.run_finished`.

Hooks run in a worker after the terminal state is committed, at least once for each run. A hook that fails is logged and
tried again by the sweeper, after pauses that double, and one that takes longer than a minute may be called again
meanwhile: it must be safe to call twice.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from uuid import UUID

from django.dispatch import Signal

run_finished = Signal()
"""Sent with `run_id` (UUID) and `status` (RunStatus) after a run has ended."""

Hook = Callable[[UUID, str], None]


@cache
def entry_point_hooks() -> tuple[Hook, ...]:
    """The callables that installed packages registered: each takes the run's id and its status."""
    return tuple(point.load() for point in entry_points(group="cef.run_finished"))


def has_listeners() -> bool:
    """Whether anybody wants to hear; when nobody does, the run is marked as announced at once."""
    return bool(run_finished.receivers) or bool(entry_point_hooks())


def announce(run_id: UUID, status: str) -> None:
    """Call every hook. The first that raises stops the rest; the caller tries all of them again later."""
    for _receiver, outcome in run_finished.send_robust(sender=None, run_id=run_id, status=status):
        if isinstance(outcome, Exception):
            raise outcome
    for hook in entry_point_hooks():
        hook(run_id, status)
