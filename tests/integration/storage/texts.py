"""Payloads of exact sizes, and rows that hold them."""

import random
from typing import Any

from django.db import transaction

from apps.core import canonical
from apps.core.models import Blob
from apps.runs import payloads
from apps.runs.models import Run, Step

WORDS = ("lease", "epoch", "journal", "replay", "fence", "wait", "budget", "claim", "slot", "thread", "turn", "step")


def words(count: int, seed: int = 0) -> str:
    """The same words for the same seed; about 6.5 characters each, and they shrink to a third."""
    chosen = random.Random(seed)
    return " ".join(f"{chosen.choice(WORDS)}{chosen.randrange(10)}" for _ in range(count))


MIDDLE = words(3_000)
"""Compressed in its row: about 20 kB."""
LARGE = words(60_000, seed=1)
"""Kept apart from its row: about 400 kB."""


def stored(run: Run, value: Any) -> bytes:
    """The row of this value in the run's workspace."""
    with transaction.atomic():
        return payloads.store(run.workspace_id, canonical.dump(value))


def with_answer(run: Run, value: Any) -> Run:
    """The run, its output replaced by this value."""
    Run.objects.filter(id=run.id).update(output=stored(run, value))
    return run


def with_result(run: Run, value: Any, n: int = 1) -> Run:
    """The run, the result of its step replaced by this value."""
    Step.objects.filter(run_id=run.id, n=n).update(result=stored(run, value))
    return run


def blobs() -> int:
    """How many there are, in all workspaces."""
    return Blob.objects.count()
