"""A completion hook that hangs holds up nobody but itself."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from apps.runs.hooks import run_finished
from apps.runs.models import Run
from apps.runs.states import RunStatus
from tests.integration.engine.following import ended
from tests.integration.runs.world import finish, set_up_run
from tests.waiting import eventually
from workers.engine.host import DATABASE_THREADS, HOOK_THREADS
from workers.ops.sweeping import announce_finished

pytestmark = pytest.mark.django_db(transaction=True)


class Hanging:
    """A hook that waits for its release."""

    def __init__(self) -> None:
        self.called: list[UUID] = []
        self.released = threading.Event()

    def __call__(self, run_id: UUID, **_: Any) -> None:
        self.called.append(run_id)
        self.released.wait(20)


@pytest.fixture
def hook() -> Iterator[Hanging]:
    hook = Hanging()
    run_finished.connect(hook, weak=False)
    yield hook
    hook.released.set()
    run_finished.disconnect(hook)


def test_runs_go_on_beside_hooks_that_hang(support, host, hook):
    runs = [set_up_run(support) for _ in range(DATABASE_THREADS + HOOK_THREADS)]
    assert {ended(run).status for run in runs} == {"succeeded"}
    eventually(lambda: len(hook.called) == HOOK_THREADS)
    assert not Run.objects.exclude(announced_at=None).exists()


def test_the_sweeper_calls_once_at_a_time(support, hook):
    """Else each sweep would lose another thread to it."""
    runs = [set_up_run(support) for _ in range(2)]
    for run in runs:
        finish(run, RunStatus.SUCCEEDED)
    first = threading.Thread(target=announce_finished)
    first.start()
    eventually(lambda: hook.called)
    assert announce_finished() == 0
    assert len(hook.called) == 1
    hook.released.set()
    first.join()
    assert Run.objects.filter(announced_at=None).count() == 0
