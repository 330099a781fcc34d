"""How long each workspace keeps its finished runs."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.accounts.admin.base import WorkspaceAdmin
from apps.runs.models import Retention
from apps.runs.retention import retention_preview
from apps.runs.services.retention import remove_retention, set_retention


class RetentionForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only for the type checker
    """The days; the workspace is chosen once."""

    class Meta:
        model = Retention
        fields = ["workspace", "run_days", "payload_days"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("run_days") is None and values.get("payload_days") is None:
            raise forms.ValidationError("Give days for runs, for payloads or for both.", code="no_days")
        return values


@admin.register(Retention)
class RetentionAdmin(WorkspaceAdmin):
    """Days by workspace, beside how much of it would go now."""

    form = RetentionForm
    list_display = ["workspace", "run_days", "payload_days", "swept_at"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ("id", "created_at", "swept_at", "due")
    fieldsets = (
        (None, {"fields": ["workspace", "run_days", "payload_days"]}),
        ("Now", {"fields": ["due", "swept_at"]}),
        ("Record", {"fields": ["id", "created_at"]}),
    )

    @admin.display(description="Would go at the next sweep")
    def due(self, retention: Retention) -> str:
        if retention._state.adding:
            return "—"
        days = {"run_days": retention.run_days, "payload_days": retention.payload_days}
        counts = retention_preview(retention.workspace_id, **days)
        return f"{counts['runs']} runs; the payloads of {counts['payloads']} runs"

    def save_model(self, request: HttpRequest, obj: Retention, form: Any, change: bool) -> None:
        saved = set_retention(obj.workspace_id, run_days=obj.run_days, payload_days=obj.payload_days)
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: Retention) -> None:
        remove_retention(obj.workspace_id)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for retention in queryset:
            remove_retention(retention.workspace_id)
