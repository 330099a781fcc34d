"""Batches: how far each is, and what became of its runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.runs.admin import words
from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.page import Figure
from apps.runs.admin.paging import CappedPaginator
from apps.runs.admin.run_views import origin
from apps.runs.batches import Progress, progress_of
from apps.runs.models import Batch
from apps.runs.selectors import RunFilter
from apps.runs.services.bulk_cancel import MAXIMUM, cancel_runs
from apps.runs.states import ACTIVE, RunStatus
from apps.runs.templatetags.runs_admin import ago

ORDER: Final = (
    RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.QUEUED,
)  # fmt: skip
"""As the bar shows the states: what has ended, then what is being done, then what is left."""


@dataclass(frozen=True, slots=True)
class Part:
    """The runs in one state: `width` in per cent of the bar, as CSS wants it, and the list that shows them."""

    status: str
    number: int
    width: str
    href: str


def parts(batch: Batch, progress: Progress) -> list[Part]:
    """The states that there are, in the bar's order."""
    runs = reverse("admin:runs_run_changelist")
    return [
        Part(
            status.value,
            number,
            f"{100 * number / max(batch.total, 1):.3f}",
            f"{runs}?{urlencode({'batch__id__exact': batch.id, 'status': status.value})}",
        )
        for status in ORDER
        if (number := progress.counts[status])
    ]


def figures(batch: Batch, progress: Progress) -> list[Figure]:
    """The head's numbers."""
    now = timezone.now()
    eta = progress.eta(now)
    end = progress.finished_at if not progress.unfinished else now
    worked = end - progress.started_at if progress.started_at and end else None
    return [
        Figure("Runs", str(batch.total), "As accepted; some may be erased by now."),
        Figure("Ended", str(progress.ended), "Succeeded, failed or cancelled."),
        Figure("Duration", words.duration(worked), "Since its first run began."),
        Figure("Left", words.duration(_whole(eta - now) if eta else None), "At the speed so far."),
        Figure("Tokens in", words.count(progress.input_tokens), "Read by models."),
        Figure("Tokens out", words.count(progress.output_tokens), "Written by models."),
        Figure("Cost", words.usd(progress.cost_usd), "Of all its runs so far."),
    ]


@admin.register(Batch)
class BatchAdmin(RunsAdmin):
    """The list of batches with their bars, and the page of one."""

    list_display = ["name", "workspace", "bar", "ended"]
    list_filter = [("workspace", RelatedDropdownFilter)]
    list_per_page = 25
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ["-id"]
    sortable_by: list[str] = []
    actions = ["cancel_selected"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """One query counts the runs of all batches on the page."""
        changelist = super().get_changelist_instance(request)
        rows: Sequence[Batch] = list(changelist.result_list)
        progress = progress_of(batch.id for batch in rows)
        for batch in rows:
            batch.progress = progress[batch.id]  # type: ignore[attr-defined]
        changelist.result_list = rows
        return changelist

    def get_urls(self) -> list[URLPattern]:
        cancel: Callable[..., HttpResponse] = self.admin_site.admin_view(self.cancel_view)
        return [path("<uuid:batch_id>/cancel/", cancel, name="runs_batch_cancel"), *super().get_urls()]

    @admin.display(description="Submitted")
    def name(self, batch: Batch) -> SafeString | str:
        return ago(batch.created_at)

    @admin.display(description="Progress")
    def bar(self, batch: Any) -> str:
        return render_to_string("runs/admin/bar.html", {"parts": parts(batch, batch.progress)})

    @admin.display(description="Ended")
    def ended(self, batch: Any) -> str:
        return f"{batch.progress.ended} of {batch.total}"

    @admin.action(description="Cancel the runs of the selected batches", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Batch]) -> None:
        self.for_each(request, queryset, lambda batch: _cancel(request, batch), "batches are being cancelled")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One batch; the page looks again by itself while something may still happen."""
        batch = self._batch(request, object_id)
        progress = progress_of([batch.id])[batch.id]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": batch,
            "title": f"Batch of {batch.total} runs",
            "batch": batch,
            "parts": parts(batch, progress),
            "figures": figures(batch, progress),
            "erased": batch.total - progress.ended - progress.unfinished,
            "is_active": any(progress.counts[status] for status in ACTIVE),
            "may_cancel": self.has_operate_permission(request) and progress.unfinished > 0,
            "runs_href": f"{reverse('admin:runs_run_changelist')}?{urlencode({'batch__id__exact': batch.id})}",
            "is_popup": False,
        }
        return TemplateResponse(request, "runs/admin/batch.html", context)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Stop what has not ended, as REST does."""
        batch = self._batch(request, str(batch_id))
        if not self.has_operate_permission(request, batch):
            raise PermissionDenied
        done = _cancel(request, batch)
        messages.success(request, f"{done.cancelled} runs are cancelled, {done.requested} are being stopped.")
        return HttpResponseRedirect(reverse("admin:runs_batch_change", args=[batch_id]))

    def _batch(self, request: HttpRequest, object_id: str) -> Batch:
        batch = self.get_object(request, object_id)
        if not isinstance(batch, Batch) or not self.has_view_permission(request, batch):
            raise Http404("There is no such batch.")
        return batch


def _cancel(request: HttpRequest, batch: Batch) -> Any:
    wanted = RunFilter(batch_id=batch.id)
    return cancel_runs(batch.workspace_id, wanted, maximum=MAXIMUM, origin=origin(request))


def _whole(span: timedelta) -> timedelta:
    """Nobody believes the milliseconds of a guess."""
    return timedelta(seconds=round(span.total_seconds()))
