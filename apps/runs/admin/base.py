"""What every page about runs has in common: it shows, and acts only through services."""

from typing import Any

from django.http import HttpRequest

from apps.accounts.admin.base import CefAdmin, WorkspaceAdmin


class RecordsAdmin(CefAdmin):
    """Rows that the engine writes: read only."""

    class Media:
        css = {"all": ["runs/runs.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RunsAdmin(RecordsAdmin, WorkspaceAdmin):
    """Rows that the engine writes for a workspace."""

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the visitor may cancel and resume runs."""
        return bool(request.user.has_perm("runs.change_run"))
