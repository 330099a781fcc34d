"""What every page about rows of a workspace has in common."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from apps.core.exceptions import CefError


class CefAdmin(ModelAdmin):  # type: ignore[misc]  # the library has no types
    """Writes go through services; what a service refuses is told on the page, and nothing is saved."""

    compressed_fields = True
    warn_unsaved_form = True
    readonly_fields: Iterable[str] = ("id", "created_at")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Django's view runs in a transaction, which the refusal has rolled back by the time it arrives here.
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except CefError as refusal:
            self.tell(request, refusal)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def tell(self, request: HttpRequest, refusal: CefError) -> None:
        """Show the refusal with each of its faults."""
        self.message_user(request, refusal.message, messages.ERROR)
        for fault in refusal.errors:
            self.message_user(request, f"{fault.pointer}: {fault.detail}", messages.ERROR)

    def for_each(self, request: HttpRequest, rows: Iterable[Model], act: Callable[[Any], Any], done: str) -> None:
        """Act on each row by itself: what is refused for one is told, and does not stop the others."""
        count = 0
        for row in rows:
            try:
                act(row)
                count += 1
            except CefError as refusal:
                self.tell(request, refusal)
        if count:
            self.message_user(request, f"{count} {done}.", messages.SUCCESS)


class WorkspaceAdmin(CefAdmin):
    """Rows of all workspaces, for the platform's staff, with the workspace to filter by and never to change."""

    list_filter: Iterable[Any] = ("workspace",)
    list_select_related: Iterable[str] | bool = ("workspace",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return [*fields, "workspace"] if obj is not None and "workspace" not in fields else fields
