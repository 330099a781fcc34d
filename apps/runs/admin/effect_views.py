"""Deciding about effects on the run's page."""

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from apps.core.exceptions import CefError
from apps.runs.admin import words
from apps.runs.admin.rerun_views import RerunsOfRun
from apps.runs.admin.run_views import origin
from apps.runs.effects import UNDECIDED, effects_json, effects_of, get_effect
from apps.runs.models import Run
from apps.runs.services import EffectDecision, resolve_effect

SHOWN: Final = 20
"""Undecided calls on a page; the next ones come when these are decided."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call of which nobody knows how it ended, as the page asks about it; `late` is what came back afterwards."""

    id: UUID
    tool: str
    arguments: words.Shown
    late: str


class EffectDecisions(RerunsOfRun):
    """The run's page with a form for each call that a person must decide about."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("<uuid:run_id>/effects/<uuid:effect_id>/resolve/", self.resolve_view, "resolve_effect"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    def resolve_view(self, request: HttpRequest, run_id: UUID, effect_id: UUID) -> HttpResponse:
        """Decide about one call, as REST does."""
        run = self._run(request, run_id)
        if not self.has_operate_permission(request, run):
            raise PermissionDenied
        try:
            decision, given = _decision(request)
            get_effect(run.workspace_id, effect_id, run_id=run.id)
            effect = resolve_effect(run.workspace_id, effect_id, decision=decision, **given, origin=origin(request))
        except CefError as error:
            self.tell(request, error)
        except ValueError as error:
            messages.error(request, f"The result is not JSON: {error}. Text needs quotes.")
        else:
            messages.success(request, f"The call of {effect.tool} is {effect.state.replace('_', ' ')}.")
        return HttpResponseRedirect(reverse("admin:runs_run_change", args=[run_id]))

    def _live_context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        context = super()._live_context(request, run)
        may_act = self.has_operate_permission(request, run)
        return context | {"questions": _questions(run) if may_act else []}


def _questions(run: Run) -> list[Question]:
    found = effects_json(effects_of(run.id).filter(UNDECIDED)[:SHOWN])
    return [
        Question(
            id=row["id"],
            tool=row["tool"],
            arguments=words.shown_value(row["arguments"], len(json.dumps(row["arguments"]))),
            late="" if row["late_result"] is None else json.dumps(row["late_result"], ensure_ascii=False, indent=2),
        )
        for row in found
    ]


def _decision(request: HttpRequest) -> tuple[EffectDecision, dict[str, Any]]:
    """What the form says. Raises Http404 for what none of ours sends, and ValueError for a result that is no JSON."""
    said = request.POST.get("decision", "")
    if said not in set(EffectDecision):
        raise Http404("There is no such decision.")
    given: dict[str, Any] = {"note": request.POST.get("note", "")}
    if said == EffectDecision.HAPPENED:
        given["result"] = json.loads(request.POST.get("result", ""))
    return EffectDecision(said), given
