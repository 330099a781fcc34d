"""What every page about runs has in common: it shows, and acts only through services."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class RunsAdmin(ModelAdmin):  # type: ignore[misc]  # the library has no types
    """Read only."""

    class Media:
        css = {"all": ["runs/runs.css"]}
        js = ["runs/run.js"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the visitor may cancel and resume runs."""
        return bool(request.user.has_perm("runs.change_run"))
