"""Running a run again, and comparing it with another, from its page."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.exceptions import CefError
from apps.runs.admin.comparison import comparison, relatives_of
from apps.runs.admin.page import first_step
from apps.runs.admin.rerun_form import RerunForm
from apps.runs.admin.run_views import RunViews, origin
from apps.runs.exceptions import RunNotFound
from apps.runs.models import Run
from apps.runs.services import rerun


class RerunsOfRun(RunViews):
    """The run's page with the ways to run it again and to see two runs side by side."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("<uuid:run_id>/rerun/", self.rerun_view, "rerun"),
            self._path("<uuid:run_id>/compare/", self.compare_view, "compare"),
            *super().get_urls(),
        ]

    @method_decorator(require_http_methods(["GET", "POST"]))
    def rerun_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Ask what is to be otherwise, and run it again as REST does."""
        run = self._run(request, run_id)
        if not self.has_operate_permission(request, run):
            raise PermissionDenied
        form = RerunForm(run, request.POST or None, initial={"from_step": first_step(request)})
        if form.is_valid() and (new := self._rerun(request, form)):
            messages.success(request, "This is the new run.")
            return HttpResponseRedirect(reverse("admin:runs_run_change", args=[new.id]))
        return self._page(request, run, "rerun", f"Run {run.agent_version} again", {"form": form})

    @method_decorator(require_GET)
    def compare_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Two runs side by side; without another one the page asks for it."""
        run = self._run(request, run_id)
        named = request.GET.get("with", "").strip()
        context: dict[str, Any] = {"relatives": relatives_of(run), "named": named}
        if named:
            other = self._run(request, _uuid(named))
            try:
                context |= {"other": other, "comparison": comparison(run, other, first_step(request))}
            except RunNotFound:
                raise Http404("The other run is not in this workspace.") from None
        return self._page(request, run, "compare", "Compare runs", context)

    def _rerun(self, request: HttpRequest, form: RerunForm) -> Run | None:
        run = form.original
        begin: int = form.cleaned_data["from_step"]
        try:
            return rerun(run.workspace_id, run.id, from_step=begin, changes=form.changes(), origin=origin(request))
        except CefError as refusal:
            self.tell(request, refusal)
        return None

    def _page(self, request: HttpRequest, run: Run, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, "original": run, "title": title}
        return TemplateResponse(request, f"runs/admin/{name}.html", whole | {"run": run} | context)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("This is no run's id.") from None
