"""Schedules: when they fire next, what came of the last time, and buttons to pause them or to fire now."""

from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from apps.accounts.admin.base import WorkspaceAdmin
from apps.core import canonical
from apps.runs import payloads
from apps.runs.admin.run_views import origin
from apps.runs.cron import in_words, next_fires
from apps.runs.exceptions import InvalidSchedule
from apps.runs.limits import Limits
from apps.runs.models import Schedule
from apps.runs.models.schedule import Overlap
from apps.runs.schedules import database_now, schedules_with_last_run
from apps.runs.services.request import Origin
from apps.runs.services.schedules import (
    ScheduleRequest,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    update_schedule,
)
from apps.runs.services.schedules_firing import fire_schedule

TIMES_SHOWN: Final = 10


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only for the type checker
    """What to run and when; the input is text unless the switch says that it is JSON."""

    text = forms.CharField(label="Input", widget=UnfoldAdminTextareaWidget, strip=False)
    is_json = forms.BooleanField(label="The input is JSON", required=False, widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = Schedule
        fields = ["workspace", "name", "agent", "cron", "timezone", "overlap", "limits", "metadata", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.input:
            value = payloads.load(self.instance.workspace_id, self.instance.input)
            self.initial["is_json"] = not isinstance(value, str)
            self.initial["text"] = value if isinstance(value, str) else canonical.dump(value).decode()

    def clean_limits(self) -> dict[str, Any]:
        try:
            return Limits(**(self.cleaned_data["limits"] or {})).stored()
        except TypeError:
            raise forms.ValidationError("Limits are an object with steps, tokens, usd, seconds.") from None

    def clean_metadata(self) -> dict[str, Any]:
        return self.cleaned_data["metadata"] or {}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        values["input"] = values.get("text")
        if values.get("is_json"):
            try:
                values["input"] = canonical.load((values["input"] or "").encode())
            except ValueError:
                self.add_error("text", "This is not JSON.")
        return values

    def request(self) -> ScheduleRequest:
        """What the form asks for."""
        values = self.cleaned_data
        names = ("name", "agent", "input", "cron", "timezone", "metadata", "enabled")
        kept = {name: values[name] for name in names}
        return ScheduleRequest(**kept, limits=Limits(**values["limits"]), overlap=Overlap(values["overlap"]))


@admin.register(Schedule)
class ScheduleAdmin(WorkspaceAdmin):
    """The list says what comes next; the page shows the next ten times, to be sure of them."""

    form = ScheduleForm
    list_display = ["name", "state", "agent", "cron", "timezone", "next_fire_at", "last_fire_at", "workspace"]
    list_filter = ["enabled", "workspace"]
    search_fields = ["name", "agent"]
    autocomplete_fields = ["workspace"]
    ordering = ["-id"]
    actions = ["pause_selected", "resume_selected", "fire_selected"]
    readonly_fields = ("id", "created_at", "meaning", "next_times", "last_fire_at", "last_run", "last_error")
    fieldsets = (
        (None, {"fields": ["workspace", "name", "agent", "text", "is_json"]}),
        ("Times", {"fields": ["cron", "timezone", "overlap", "enabled", "meaning", "next_times"]}),
        ("Last time", {"fields": ["last_fire_at", "last_run", "last_error"]}),
        ("Each run", {"fields": ["limits", "metadata"]}),
        ("Record", {"fields": ["id", "created_at"]}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return schedules_with_last_run(super().get_queryset(request))

    @display(description="State", label={"on": "success", "paused": "warning", "trouble": "danger"})  # type: ignore[untyped-decorator]
    def state(self, schedule: Schedule) -> str:
        if not schedule.enabled:
            return "paused"
        return "trouble" if schedule.last_error else "on"

    @admin.display(description="In words")
    def meaning(self, schedule: Schedule) -> str:
        try:
            return in_words(schedule.cron, schedule.timezone)
        except InvalidSchedule:
            return "—"

    @admin.display(description="Next times")
    def next_times(self, schedule: Schedule) -> SafeString | str:
        try:
            times = next_fires(schedule.cron, schedule.timezone, database_now(), TIMES_SHOWN)
        except InvalidSchedule:
            return "—"
        return format_html_join(SafeString("<br>"), "{}", ((f"{time:%a %Y-%m-%d %H:%M %Z}",) for time in times))

    @admin.display(description="Last run")
    def last_run(self, schedule: Any) -> SafeString | str:
        if schedule.last_run_id is None:
            return "—"
        return format_html('<a href="{}">{}</a>', _run_url(schedule.last_run_id), schedule.last_run_id)

    @admin.action(description="Pause the selected schedules", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        self.for_each(request, queryset, lambda row: pause_schedule(row.workspace_id, row.id), "paused")

    @admin.action(description="Resume the selected schedules", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        self.for_each(request, queryset, lambda row: resume_schedule(row.workspace_id, row.id), "resumed")

    @admin.action(description="Start a run of the selected schedules now", permissions=["change"])
    def fire_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        self.for_each(request, queryset, partial(_fire, origin(request)), "runs started")

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """Through the services, which find the next time."""
        asked = form.request()
        if change:
            update_schedule(obj.workspace_id, obj.pk, origin=origin(request), **vars(asked))
        else:
            obj.pk = create_schedule(obj.workspace_id, asked, origin=origin(request)).pk

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        delete_schedule(obj.workspace_id, obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for schedule in queryset:
            delete_schedule(schedule.workspace_id, schedule.pk)


def _fire(who: Origin, schedule: Schedule) -> None:
    fire_schedule(schedule.workspace_id, schedule.id, origin=who)


def _run_url(run_id: Any) -> str:
    return reverse("admin:runs_run_change", args=[run_id])
