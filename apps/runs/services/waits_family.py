"""What a run may still give to the runs that it starts: how many, how deep, and how much of its own steps and time."""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import ExpressionWrapper, F, FloatField
from django.db.models.functions import Extract, Now

from apps.runs.family_statements import FIRST_ANCESTOR, HOLD_FAMILY, SIZE
from apps.runs.limits import Limits
from apps.runs.models import Run

_SECONDS_LEFT: Final = ExpressionWrapper(Extract(F("deadline_at") - Now(), "epoch"), output_field=FloatField())


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a run stands among its relatives: runs above it, those that it has started, and those of the whole tree."""

    depth: int
    children: int
    tree: int

    def with_one_more(self) -> "Room":
        """After another child."""
        return replace(self, children=self.children + 1, tree=self.tree + 1)

    def refusal(self) -> str | None:
        """Why the run may start no other, as its model is told; None while it may."""
        if self.depth >= settings.CEF_RUN_DEPTH:
            return f"Runs may be nested {settings.CEF_RUN_DEPTH} deep, and this one is. Do the task yourself."
        if self.children >= settings.CEF_RUN_CHILDREN:
            return f"A run may start {settings.CEF_RUN_CHILDREN} others, and this one has. Do the task yourself."
        if self.tree >= settings.CEF_RUN_TREE:
            most = settings.CEF_RUN_TREE
            return f"A run and all that came of it may be {most} runs, and this one's are. Do the task yourself."
        return None


def room_of(parent: Run) -> Room:
    """The room as nobody else can change it until the transaction ends; four queries, none walks past the ceiling."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_ANCESTOR, {"run": parent.id})
        first, depth = cursor.fetchone() or (parent.id, 0)
        cursor.execute(HOLD_FAMILY, {"first": str(first)})
        cursor.execute(SIZE, {"first": first, "most": settings.CEF_RUN_TREE})
        (size,) = cursor.fetchone() or (1,)
    return Room(depth=depth, children=Run.objects.filter(parent_id=parent.id).count(), tree=size)


def left_of(parent: Run) -> Limits:
    """The steps and seconds that the run has left. Tokens and USD are shared by the tree, in its accounts."""
    own = Limits.of(parent.limits)
    return Limits(
        steps=None if own.steps is None else max(own.steps - parent.step_count, 0),
        seconds=None if own.seconds is None else _seconds_left(parent.id),
    )


def nothing_left(left: Limits) -> str | None:
    """Why it is no use to start another run, as the model is told."""
    if left.steps is not None and left.steps < 1:
        return "This run has used all of its steps, and another one would have none."
    if left.seconds is not None and left.seconds <= 0:
        return "The time of this run is over, and another one would have none."
    return None


def _seconds_left(run_id: UUID) -> float | None:
    left: float | None = Run.objects.filter(id=run_id).values_list(_SECONDS_LEFT, flat=True).first()
    return None if left is None else round(max(left, 0.0), 3)
