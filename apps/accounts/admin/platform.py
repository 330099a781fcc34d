"""The platform's switches."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from apps.accounts import services
from apps.accounts.admin.base import CefAdmin
from apps.accounts.models import PlatformState


@admin.register(PlatformState)
class PlatformStateAdmin(CefAdmin):
    """One row, made when it is first looked at, and two actions on it."""

    list_display = ["platform", "intake", "intake_paused_at"]
    list_display_links = None
    readonly_fields = ["intake_paused_at"]
    actions = ["pause", "resume"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        PlatformState.objects.get_or_create(pk=1)
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Platform")
    def platform(self, state: PlatformState) -> str:
        return str(state)

    @display(description="Intake", label={"open": "success", "paused": "warning"})  # type: ignore[untyped-decorator]
    def intake(self, state: PlatformState) -> str:
        return "open" if state.intake_paused_at is None else "paused"

    @admin.action(description="Pause intake: refuse new runs, let running work go on", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[PlatformState]) -> None:
        services.pause_intake()

    @admin.action(description="Resume intake", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[PlatformState]) -> None:
        services.resume_intake()
