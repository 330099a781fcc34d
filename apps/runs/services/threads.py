"""Opening a conversation."""

from typing import Any
from uuid import UUID

from apps.runs.models import Thread


def create_thread(workspace_id: UUID, *, title: str = "", metadata: dict[str, Any] | None = None) -> Thread:
    """An empty conversation; runs join it by `thread_id`."""
    return Thread.objects.create(workspace_id=workspace_id, title=title, metadata=metadata or {})
