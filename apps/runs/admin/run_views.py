"""The run's page and its parts: the live fragment, a step, a payload to keep, cancel and resume."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_POST

from apps.core.exceptions import CefError
from apps.runs import payloads
from apps.runs.admin import page, words
from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.context import composition
from apps.runs.models import Run, Step
from apps.runs.services import Origin, cancel_run, resume_run
from apps.runs.states import RunStatus

TABS: Final = ("timeline", "events", "details")
RUN_PAYLOADS: Final = ("input", "output")
STEP_PAYLOADS: Final = ("request", "result", "manifest")


class RunViews(RunsAdmin):
    """Everything below `/admin/runs/run/<id>/`; each view finds the run among those that the visitor may see."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("<uuid:run_id>/live/", self.live_view, "live"),
            self._path("<uuid:run_id>/steps/<int:n>/", self.step_view, "step"),
            self._path("<uuid:run_id>/steps/<int:n>/<slug:part>.json", self.step_payload_view, "step_payload"),
            self._path("<uuid:run_id>/<slug:part>.json", self.payload_view, "payload"),
            self._path("<uuid:run_id>/cancel/", self.cancel_view, "cancel"),
            self._path("<uuid:run_id>/resume/", self.resume_view, "resume"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one run, read only."""
        try:
            run = self._run(request, UUID(object_id))
        except ValueError:
            raise Http404 from None
        tab = request.GET.get("tab", TABS[0])
        context = {
            **self.admin_site.each_context(request),
            **self._live_context(request, run),
            "opts": self.opts,
            "original": run,
            "title": f"Run {run.agent_version}",
            "tab": tab if tab in TABS else TABS[0],
            "tabs": TABS,
            "commands": page.commands(run),
            "is_popup": False,
        }
        return TemplateResponse(request, "runs/admin/run.html", context)

    @method_decorator(require_GET)
    def live_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """What changes while the run works, as a fragment that the page swaps in."""
        run = self._run(request, run_id)
        return _uncached(TemplateResponse(request, "runs/admin/live.html", self._live_context(request, run)))

    @method_decorator(require_GET)
    def step_view(self, request: HttpRequest, run_id: UUID, n: int) -> HttpResponse:
        """One step with its payloads: a fragment for the timeline, a page of its own without JavaScript."""
        run = self._run(request, run_id)
        step = self._step(run, n)
        context = {
            "run": run,
            "step": step,
            "request_payload": words.shown(step.request),
            "result_payload": words.shown(step.result),
            "composition": composition(run, step.n) if step.manifest else None,
            "may_rerun": self._may_rerun(request, run),
        }
        if request.headers.get("X-Requested-With") == "fetch":
            return _uncached(TemplateResponse(request, "runs/admin/step.html", context))
        whole = {
            **self.admin_site.each_context(request),
            **context,
            "opts": self.opts,
            "original": run,
            "title": f"Step {n}",
        }
        return TemplateResponse(request, "runs/admin/step_page.html", whole)

    @method_decorator(require_GET)
    def payload_view(self, request: HttpRequest, run_id: UUID, part: str) -> HttpResponse:
        """The run's input or output, byte for byte."""
        run = self._run(request, run_id)
        return _download(run, getattr(run, part) if part in RUN_PAYLOADS else None, f"run-{run.id}-{part}")

    @method_decorator(require_GET)
    def step_payload_view(self, request: HttpRequest, run_id: UUID, n: int, part: str) -> HttpResponse:
        """A step's request, result or manifest, byte for byte."""
        run = self._run(request, run_id)
        row = getattr(self._step(run, n), part) if part in STEP_PAYLOADS else None
        return _download(run, row, f"run-{run_id}-step-{n}-{part}")

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Stop the run, as REST does."""
        return self._act(request, run_id, lambda run: cancel_run(run.workspace_id, run.id, origin=origin(request)))

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Let a failed run go on, as REST does."""
        return self._act(request, run_id, lambda run: resume_run(run.workspace_id, run.id))

    def _path(self, route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        guarded: Callable[..., HttpResponse] = self.admin_site.admin_view(view)
        return path(route, guarded, name=f"runs_run_{name}")

    def _run(self, request: HttpRequest, run_id: UUID) -> Run:
        runs = self.get_queryset(request).defer(None).defer("messages").select_related("agent_version__agent", "thread")
        run: Run | None = runs.filter(id=run_id).first()
        if run is None:
            raise Http404("There is no such run.")
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return run

    def _may_rerun(self, request: HttpRequest, run: Run) -> bool:
        return self.has_operate_permission(request, run) and run.payloads_removed_at is None

    def _step(self, run: Run, n: int) -> Step:
        step = page.step_row(run.id, n)
        if step is None:
            raise Http404("There is no such step.")
        return step

    def _live_context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        now = timezone.now()
        tab, first = request.GET.get("tab", TABS[0]), page.first_step(request)
        may_act = self.has_operate_permission(request, run)
        return {
            "run": run,
            "tab": tab,
            "figures": page.figures(run, now),
            "timeline": page.timeline(run, now, first=first),
            "next_step": first + page.STEPS_SHOWN if run.step_count >= first + page.STEPS_SHOWN else None,
            "events": page.events(run) if tab == "events" else [],
            "effects": page.effects(run) if tab == "details" else [],
            "passages": page.passages(run),
            "input": words.shown(run.input),
            "output": words.shown(run.output),
            "live": page.live_address(run),
            "is_active": page.is_active(run),
            "reruns": page.reruns(run),
            "may_cancel": may_act and page.may_be_cancelled(run),
            "may_resume": may_act and run.status == RunStatus.FAILED,
            "may_rerun": self._may_rerun(request, run),
        }

    def _act(self, request: HttpRequest, run_id: UUID, act: Callable[[Run], Run]) -> HttpResponse:
        run = self._run(request, run_id)
        if not self.has_operate_permission(request, run):
            raise PermissionDenied
        try:
            run = act(run)
        except CefError as error:
            self.tell(request, error)
        else:
            messages.success(request, f"The run is {'being cancelled' if run.cancel_requested_at else run.status}.")
        return HttpResponseRedirect(reverse("admin:runs_run_change", args=[run_id]))


def origin(request: HttpRequest) -> Origin:
    """Who acts, for the run's history."""
    return Origin(kind="user", id=request.user.pk, request_id=getattr(request, "request_id", ""))


def _download(run: Run, row: bytes | memoryview | None, name: str) -> HttpResponse:
    if row is None:
        raise Http404("There is nothing stored here.")
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(payloads.read(run.workspace_id, row), content_type="application/json", headers=headers)


def _uncached(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    return response
