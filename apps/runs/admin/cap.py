"""Caps: how many runs of a workspace, an agent or an API key may be running at once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.admin.base import WorkspaceAdmin
from apps.runs.caps import Subject, caps_with_taken, named_subject, subject_name
from apps.runs.models import Cap
from apps.runs.models.cap import CapKind
from apps.runs.services.caps import remove_cap, set_cap


class CapForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only for the type checker
    """Whose runs are counted is chosen once."""

    subject = forms.CharField(
        required=False,
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text="The agent's slug or the key's public id; empty for the workspace.",
    )

    class Meta:
        model = Cap
        fields = ["workspace", "kind", "slots"]


@admin.register(Cap)
class CapAdmin(WorkspaceAdmin):
    """Each cap beside how many of its runs are running."""

    form = CapForm
    list_display = ["workspace", "kind", "whose", "running", "slots"]
    list_filter = ["workspace", "kind"]
    autocomplete_fields = ["workspace"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cap]:
        return caps_with_taken(super().get_queryset(request))

    def get_fields(self, request: HttpRequest, obj: Cap | None = None) -> list[str]:
        if obj is None:
            return ["workspace", "kind", "subject", "slots"]
        return ["workspace", "kind", "whose", "slots", "running", "id", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, "kind", "whose", "running"]

    @admin.display(description="Of")
    def whose(self, cap: Cap) -> str:
        return subject_name(cap)

    @admin.display(description="Running")
    def running(self, cap: Any) -> int:
        return int(cap.taken)

    def save_model(self, request: HttpRequest, obj: Cap, form: Any, change: bool) -> None:
        """Through the service, which counts the runs that are running already."""
        kind = CapKind(obj.kind)
        if change:
            subject = Subject(obj.workspace_id, kind, obj.subject_id)
        else:
            subject = named_subject(obj.workspace_id, kind, form.cleaned_data["subject"])
        obj.pk = set_cap(subject, slots=obj.slots).pk

    def delete_model(self, request: HttpRequest, obj: Cap) -> None:
        remove_cap(obj.workspace_id, obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for cap in queryset:
            remove_cap(cap.workspace_id, cap.pk)
