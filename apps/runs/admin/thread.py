"""Conversations: a thread's runs, one after another, as question and answer."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.runs.admin import words
from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.paging import CappedPaginator
from apps.runs.models import Run, Thread
from apps.runs.templatetags.runs_admin import ago

TURNS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of the conversation."""

    run: Run
    question: words.Shown | None
    answer: words.Shown | None


@admin.register(Thread)
class ThreadAdmin(RunsAdmin):
    """The list of conversations, and one as it was spoken."""

    list_display = ["name", "opened", "run_count"]
    list_filter = [("workspace", RelatedDropdownFilter)]
    search_fields = ["title"]
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ["-id"]
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        threads: QuerySet[Thread] = super().get_queryset(request)
        return threads.annotate(runs_in_all=Count("runs"))

    @admin.display(description="Title")
    def name(self, thread: Thread) -> str:
        return str(thread)

    @admin.display(description="Opened")
    def opened(self, thread: Thread) -> SafeString | str:
        return ago(thread.created_at)

    @admin.display(description="Runs")
    def run_count(self, thread: Any) -> int:
        return int(thread.runs_in_all)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The last 50 runs of the conversation, the newest at the bottom."""
        thread = self.get_object(request, object_id)
        if thread is None or not self.has_view_permission(request, thread):
            raise Http404("There is no such thread.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": thread,
            "title": str(thread),
            "thread": thread,
            "turns": _turns(thread.pk),
            "is_popup": False,
        }
        return TemplateResponse(request, "runs/admin/thread.html", context)


def _turns(thread_id: UUID) -> list[Turn]:
    runs = Run.objects.filter(thread_id=thread_id).select_related("agent_version__agent").defer("messages")
    newest = list(runs.order_by("-id")[:TURNS_SHOWN])
    return [Turn(run, words.shown(run.input), words.shown(run.output)) for run in reversed(newest)]
