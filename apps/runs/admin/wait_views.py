"""The inbox of waits, a page for each, and the waits on their run's page."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.core.exceptions import CefError
from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.effect_views import EffectDecisions
from apps.runs.admin.paging import CappedPaginator
from apps.runs.admin.wait_cards import card, cards, takes_text, visitor_in
from apps.runs.exceptions import NotYoursToDecide
from apps.runs.models import Run, Wait
from apps.runs.services import Word, decide_wait
from apps.runs.states import RunStatus, Verdict, WaitKind, WaitState
from apps.runs.templatetags.runs_admin import ago
from apps.runs.waiting import call_digest
from apps.runs.waits import with_names

CARDS_SHOWN = 20

_CHIPS = {
    WaitState.OPEN: "waiting",
    WaitState.RESOLVED: "succeeded",
    WaitState.EXPIRED: "failed",
    WaitState.CANCELLED: "cancelled",
}


@admin.register(Wait)
class WaitAdmin(RunsAdmin):
    """What runs wait for: the open ones are the inbox, the others its history."""

    list_display = ["what", "standing", "about", "of_run", "asked", "due"]
    list_display_links = ["what"]
    list_filter = ["state", "kind", ("workspace", RelatedDropdownFilter)]
    list_select_related = ["workspace", "run__agent_version__agent"]
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wait]:
        return with_names(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view(self.decide_view)
        return [path("<uuid:wait_id>/decide/", guarded, name="runs_wait_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One wait with its call, its decisions, and a form for who may decide."""
        wait = self._wait(request, object_id)
        shown = card(wait, visitor_in(request, wait.workspace_id))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": wait,
            "title": shown.heading,
            "cards": [shown],
            "came_from": "wait",
        }
        return TemplateResponse(request, "runs/admin/wait.html", context)

    @method_decorator(require_POST)
    def decide_view(self, request: HttpRequest, wait_id: UUID) -> HttpResponse:
        """Approve, reject or answer, as REST does."""
        wait = self._wait(request, str(wait_id))
        try:
            visitor = visitor_in(request, wait.workspace_id)
            if visitor is None:
                raise NotYoursToDecide("Only members of the workspace decide.")
            decided = decide_wait(visitor, wait.id, _word(request, wait))
        except CefError as error:
            self.tell(request, error)
        except ValueError as error:
            messages.error(request, f"This is not JSON: {error}.")
        else:
            messages.success(request, _said(decided))
        if request.POST.get("came_from") == "run":
            return HttpResponseRedirect(reverse("admin:runs_run_change", args=[wait.run_id]))
        return HttpResponseRedirect(reverse("admin:runs_wait_change", args=[wait.id]))

    @admin.display(description="Wait")
    def what(self, wait: Wait) -> str:
        return f"{wait.kind}: {wait.tool}"

    @admin.display(description="State")
    def standing(self, wait: Wait) -> SafeString:
        return format_html(
            '<span class="cef-chip cef-chip-{}">{}</span>', _CHIPS[WaitState(wait.state)], _standing(wait)
        )

    @admin.display(description="About")
    def about(self, wait: Wait) -> str:
        return wait.prompt[:120] or "—"

    @admin.display(description="Run")
    def of_run(self, wait: Wait) -> SafeString:
        address = reverse("admin:runs_run_change", args=[wait.run_id])
        return format_html('<a class="cef-link" href="{}">{}</a>', address, wait.run.agent_version)

    @admin.display(description="Asked")
    def asked(self, wait: Wait) -> SafeString | str:
        return ago(wait.created_at)

    @admin.display(description="Due")
    def due(self, wait: Wait) -> str:
        return f"{wait.due_at:%Y-%m-%d %H:%M}" if wait.due_at else "—"

    def _wait(self, request: HttpRequest, object_id: str) -> Wait:
        try:
            wait: Wait | None = self.get_queryset(request).filter(id=UUID(object_id)).first()
        except ValueError:
            wait = None
        if wait is None:
            raise Http404("There is no such wait.")
        if not self.has_view_permission(request, wait):
            raise PermissionDenied
        return wait


class WaitsOnPage(EffectDecisions):
    """The run's page with what the run waits for, and the runs around it."""

    def _live_context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        context = super()._live_context(request, run)
        opened = Wait.objects.filter(run_id=run.id, state=WaitState.OPEN).order_by("id")[:CARDS_SHOWN]
        waits = with_names(Wait.objects.filter(run_id=run.id)).order_by("id") if context["tab"] == "details" else []
        return context | {
            "cards": cards(with_names(opened), request) if run.status == RunStatus.WAITING else [],
            "came_from": "run",
            "waits": [card(wait, None) for wait in waits],
            "children": list(run.children.select_related("agent").order_by("id")[:CARDS_SHOWN])
            if context["tab"] == "details"
            else [],
        }


def _standing(wait: Wait) -> str:
    if wait.state == WaitState.OPEN and wait.kind == WaitKind.APPROVAL and wait.needed > 1:
        return f"open, {getattr(wait, 'approvals', 0)} of {wait.needed}"
    return wait.state


def _word(request: HttpRequest, wait: Wait) -> Word:
    """What the form says. Raises Http404 for what none of ours sends, and ValueError for what is no JSON."""
    said, note = request.POST.get("verdict", ""), request.POST.get("note", "")
    if said not in set(Verdict):
        raise Http404("There is no such verdict.")
    try:
        digest = bytes.fromhex(request.POST.get("digest", ""))
    except ValueError:
        raise Http404("This is no digest.") from None
    verdict = Verdict(said)
    return Word(
        verdict=verdict,
        digest=digest,
        note=note,
        arguments=_edited(request, wait, digest) if verdict == Verdict.APPROVE else None,
        answer=_answer(request, wait) if verdict == Verdict.ANSWER else None,
    )


def _edited(request: HttpRequest, wait: Wait, digest: bytes) -> dict[str, Any] | None:
    """The arguments in the form, when they are others than it showed."""
    given = _read(request.POST.get("arguments", ""))
    if not isinstance(given, dict):
        raise ValueError("arguments are an object")
    return None if call_digest(wait.tool, given) == digest else given


def _answer(request: HttpRequest, wait: Wait) -> Any:
    text = request.POST.get("answer", "")
    return text.replace("\r\n", "\n") if takes_text(wait) else _read(text)


def _read(text: str) -> Any:
    """JSON with whatever text is in it, which the page may have shown itself. Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _said(wait: Wait) -> str:
    if wait.state == WaitState.OPEN:
        return "Your approval is noted; others must approve as well."
    return f"The wait is {wait.state}."
