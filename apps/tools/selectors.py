"""Reads of the registered tools."""

import uuid
from collections.abc import Iterable

from django.db.models import Q

from apps.tools.exceptions import ToolNotFound
from apps.tools.models import ToolVersion
from apps.tools.versions import precedence


def tool_version(workspace_id: uuid.UUID, name: str, version: str | None = None) -> ToolVersion:
    """A version that the workspace may use, its tool loaded; without a number the newest one available.

    A release goes before any pre-release. Raises ToolNotFound.
    """
    rows = ToolVersion.objects.filter(tool__name=name).select_related("tool")
    rows = rows.filter(Q(tool__workspace=None) | Q(tool__workspace_id=workspace_id))
    found = list(rows if version is None else rows.filter(version=version))
    if not found:
        raise ToolNotFound(f"There is no tool {name}{'@' + version if version else ''}.")
    return newest(found)


def newest(versions: Iterable[ToolVersion]) -> ToolVersion:
    """The one to take when nobody asked for another: available before not, released before not, then by number."""
    return max(versions, key=lambda row: (row.is_available, "-" not in row.version, precedence(row.version)))
