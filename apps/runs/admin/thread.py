"""Conversations: a thread's runs, one after another, as question and answer."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.core.exceptions import CefError
from apps.runs.admin import words
from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.copied import copied_turns
from apps.runs.admin.paging import CappedPaginator
from apps.runs.models import Run, Thread
from apps.runs.services import fork_thread
from apps.runs.states import TERMINAL
from apps.runs.templatetags.runs_admin import ago

TURNS_SHOWN: Final = 50
FORKS_SHOWN: Final = 10


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

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view(self.fork_view)
        return [path("<uuid:thread_id>/fork/", guarded, name="runs_thread_fork"), *super().get_urls()]

    @method_decorator(require_POST)
    def fork_view(self, request: HttpRequest, thread_id: UUID) -> HttpResponse:
        """Copy the conversation, up to the run that was chosen, into a new one, as REST does."""
        thread = self._thread(request, str(thread_id))
        if not self.has_operate_permission(request, thread):
            raise PermissionDenied
        try:
            new = fork_thread(thread.workspace_id, thread.pk, at_run=_run_id(request))
        except CefError as error:
            self.tell(request, error)
            return HttpResponseRedirect(reverse("admin:runs_thread_change", args=[thread.pk]))
        messages.success(request, "This is the new thread.")
        return HttpResponseRedirect(reverse("admin:runs_thread_change", args=[new.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the conversation began with, and its last 50 runs, the newest at the bottom."""
        thread = self._thread(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": thread,
            "title": str(thread),
            "thread": thread,
            "turns": _turns(thread.pk),
            "copied": copied_turns(thread, TURNS_SHOWN),
            "forks": list(thread.forks.order_by("-id")[:FORKS_SHOWN]),
            "may_fork": self.has_operate_permission(request, thread),
            "ended": TERMINAL,
            "is_popup": False,
        }
        return TemplateResponse(request, "runs/admin/thread.html", context)

    def _thread(self, request: HttpRequest, object_id: str) -> Thread:
        thread: Thread | None = self.get_object(request, object_id)
        if thread is None or not self.has_view_permission(request, thread):
            raise Http404("There is no such thread.")
        return thread


def _run_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("at_run", ""))
    except ValueError:
        raise Http404("This is no run's id.") from None


def _turns(thread_id: UUID) -> list[Turn]:
    runs = Run.objects.filter(thread_id=thread_id).select_related("agent_version__agent").defer("messages")
    newest = list(runs.order_by("-id")[:TURNS_SHOWN])
    return [Turn(run, words.shown(run.input), words.shown(run.output)) for run in reversed(newest)]
