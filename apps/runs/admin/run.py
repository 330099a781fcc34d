"""The list of runs."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display

from apps.core.exceptions import CefError
from apps.runs.admin import columns, words
from apps.runs.admin.filters import PeriodFilter, StatusFilter, status_tabs
from apps.runs.admin.paging import CappedPaginator
from apps.runs.admin.run_views import RunViews, origin
from apps.runs.models import Run
from apps.runs.selectors import PAYLOADS
from apps.runs.services import cancel_run, resume_run
from apps.runs.templatetags.runs_admin import ago, status_chip


@admin.register(Run)
class RunAdmin(RunViews):
    """Newest first, without payloads and without counting millions of rows."""

    list_display = ["status_chip", "agent_name", "submitted", "worked", "steps", "tokens", "cost", "attempt"]
    list_filter = [StatusFilter, ("agent", RelatedDropdownFilter), PeriodFilter]
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

    @display(description="Status")
    def status_chip(self, run: Run) -> SafeString:
        return status_chip(run.status)

    @display(description="Agent")
    def agent_name(self, run: Run) -> str:
        return str(run.agent_version)

    @display(description="Submitted")
    def submitted(self, run: Run) -> SafeString | str:
        return ago(run.created_at)

    @display(description="Duration")
    def worked(self, run: Run) -> str:
        return columns.worked(run)

    @display(description="Steps")
    def steps(self, run: Run) -> int:
        return run.step_count

    @display(description="Tokens in → out")
    def tokens(self, run: Run) -> str:
        return columns.tokens(run)

    @display(description="Cost")
    def cost(self, run: Run) -> str:
        return words.usd(run.cost_usd)

    @action(description="Cancel the selected runs", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        who = origin(request)
        self._each(request, queryset, "cancelled", lambda run: cancel_run(run.workspace_id, run.id, origin=who))

    @action(description="Resume the selected runs", permissions=["operate"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self._each(request, queryset, "resumed", lambda run: resume_run(run.workspace_id, run.id))

    def _each(self, request: HttpRequest, runs: QuerySet[Run], done: str, act: Callable[[Run], Any]) -> None:
        """Act on each run by itself; what is refused is told and does not stop the others."""
        refusals: list[str] = []
        selected = list(runs)
        for run in selected:
            try:
                act(run)
            except CefError as error:
                refusals.append(f"{run.id}: {error.message}")
        messages.success(request, f"{len(selected) - len(refusals)} of {len(selected)} runs {done}.")
        for refusal in refusals[:5]:
            messages.warning(request, refusal)
