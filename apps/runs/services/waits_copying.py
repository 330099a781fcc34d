"""What a run's calls waited for, for a rerun that reuses its steps."""

from typing import Final
from uuid import UUID

from apps.core.ids import new_id
from apps.runs.models import Run, Wait

_KEPT: Final = (
    "kind", "state", "run_step", "tool_call_id", "tool", "prompt", "arguments", "digest", "answer_schema", "result",
    "assignee_id", "role", "needed", "services", "due_at", "on_due", "escalate_role", "child_id", "resolved_at",
)  # fmt: skip


def copy_waits(source_id: UUID, target: Run, *, before: int) -> int:
    """Give the target the ended waits of the source's steps of the loop before this one; how many there were.

    Without them the target would ask people again about calls whose results it reuses. Tokens are not copied.
    """
    ended = Wait.objects.filter(run_id=source_id, run_step__lt=before, result__isnull=False).order_by("id")
    copies = [Wait(id=new_id(), workspace_id=target.workspace_id, run=target, **row) for row in ended.values(*_KEPT)]
    Wait.objects.bulk_create(copies)
    return len(copies)
