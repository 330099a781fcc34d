"""Filters of the list of runs that an index answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.runs.effects import UNDECIDED
from apps.runs.models import Effect, Run
from apps.runs.states import RunStatus

PERIODS: Final = {
    "1h": ("Past hour", timedelta(hours=1)),
    "24h": ("Past 24 hours", timedelta(hours=24)),
    "7d": ("Past 7 days", timedelta(days=7)),
    "30d": ("Past 30 days", timedelta(days=30)),
}


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of this moment: an id says when its row was made, so that the primary key finds a time."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


class StatusFilter(SimpleListFilter):
    """By state."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(status.value, status.value.capitalize()) for status in RunStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@dataclass(frozen=True, slots=True)
class StatusTab:
    """A state above the list, with the address that shows it under the filters in force."""

    label: str
    query: str
    is_current: bool


def status_tabs(request: HttpRequest) -> list[StatusTab]:
    """All states, and each."""
    current = request.GET.get(StatusFilter.parameter_name, "")
    return [StatusTab(label or "all", _with_status(request, label), label == current) for label in ("", *RunStatus)]


def _with_status(request: HttpRequest, status: str) -> str:
    query = request.GET.copy()
    for name in (StatusFilter.parameter_name, "p"):
        query.pop(name, None)
    if status:
        query[StatusFilter.parameter_name] = status
    return query.urlencode()


class PeriodFilter(SimpleListFilter):
    """By when the run was submitted."""

    title = "submitted"
    parameter_name = "submitted"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        period = PERIODS.get(self.value() or "")
        return queryset.filter(id__gte=first_id_at(timezone.now() - period[1])) if period else queryset


class UndecidedFilter(SimpleListFilter):
    """Calls of which nobody knows how they ended, and about which nobody has decided."""

    title = "decision"
    parameter_name = "undecided"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("yes", "To be decided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Effect]) -> QuerySet[Effect]:
        return queryset.filter(UNDECIDED) if self.value() == "yes" else queryset
