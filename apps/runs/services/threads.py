"""Opening a conversation."""

from typing import Any
from uuid import UUID

from apps.runs.models import Thread
from apps.runs.services.checks import require_metadata


def create_thread(workspace_id: UUID, *, title: str = "", metadata: dict[str, Any] | None = None) -> Thread:
    """An empty conversation; runs join it by `thread_id`. Raises InvalidRunInput for metadata that cannot be stored."""
    require_metadata(metadata or {})
    return Thread.objects.create(workspace_id=workspace_id, title=title, metadata=metadata or {})
