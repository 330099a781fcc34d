"""The list of runs."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.runs.admin import columns, words
from apps.runs.admin.filters import PeriodFilter, StatusFilter, status_tabs
from apps.runs.admin.paging import CappedPaginator
from apps.runs.admin.run_views import origin
from apps.runs.admin.wait_views import WaitsOnPage
from apps.runs.models import Run
from apps.runs.selectors import PAYLOADS
from apps.runs.services import cancel_run, resume_run
from apps.runs.templatetags.runs_admin import ago, status_chip


@admin.register(Run)
class RunAdmin(WaitsOnPage):
    """Newest first, without payloads and without counting millions of rows."""

    list_display = ["status_chip", "agent_name", "submitted", "worked", "steps", "tokens", "cost", "attempt"]
    list_filter = [
        StatusFilter,
        ("agent", RelatedDropdownFilter),
        PeriodFilter,
        ("workspace", RelatedDropdownFilter),
    ]
    list_select_related = ["agent_version__agent"]
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ["-id"]
    sortable_by: list[str] = []
    actions = ["cancel_selected", "resume_selected"]
    list_before_template = "runs/admin/status_tabs.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(
            request, {"status_tabs": status_tabs(request), **(extra_context or {})}
        )
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.defer(*PAYLOADS)

    @admin.display(description="Status")
    def status_chip(self, run: Run) -> SafeString:
        return status_chip(run.status)

    @admin.display(description="Agent")
    def agent_name(self, run: Run) -> str:
        return str(run.agent_version)

    @admin.display(description="Submitted")
    def submitted(self, run: Run) -> SafeString | str:
        return ago(run.created_at)

    @admin.display(description="Duration")
    def worked(self, run: Run) -> str:
        return columns.worked(run)

    @admin.display(description="Steps")
    def steps(self, run: Run) -> int:
        return run.step_count

    @admin.display(description="Tokens in → out")
    def tokens(self, run: Run) -> str:
        return columns.tokens(run)

    @admin.display(description="Cost")
    def cost(self, run: Run) -> str:
        return words.usd(run.cost_usd)

    @admin.action(description="Cancel the selected runs", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        who = origin(request)
        self.for_each(
            request, queryset, lambda run: cancel_run(run.workspace_id, run.id, origin=who), "runs are being cancelled"
        )

    @admin.action(description="Resume the selected runs", permissions=["operate"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self.for_each(request, queryset, lambda run: resume_run(run.workspace_id, run.id), "runs go on")
