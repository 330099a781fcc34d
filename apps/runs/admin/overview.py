"""The admin's first page: what needs attention, a few counts, the last runs; each query is bounded or uses an index."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.admin import site
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from apps.runs.admin import words
from apps.runs.admin.filters import first_id_at
from apps.runs.models import Run, Wait, WorkerProcess
from apps.runs.states import RunStatus, StopReason, WaitState
from apps.runs.waits import DECIDABLE

COUNTED: Final = 1000
SUMMED: Final = 50_000
LISTED: Final = 10
STUCK_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that leads to the runs behind it."""

    label: str
    value: str
    query: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Concern:
    """A run that a person should look at, and why."""

    run: Run
    reason: str


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the theme adds to the index page's context; nothing for who may not see runs."""
    admin = site._registry[Run]
    if not admin.has_view_permission(request):
        return context
    runs = admin.get_queryset(request).select_related("agent_version__agent")
    now = timezone.now()
    extra = {
        "may_see_runs": True,
        "runs_url": reverse("admin:runs_run_changelist"),
        "tiles": tiles(runs, now),
        "concerns": concerns(runs, now),
        "latest": list(runs.order_by("-id")[:LISTED]),
    }
    return context | extra


def tiles(runs: QuerySet[Run], now: datetime) -> list[Tile]:
    """Running, queued, failed in 24 hours, tokens today."""
    day = Q(id__gte=first_id_at(now - timedelta(hours=24)))
    today = first_id_at(timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0))
    spent = _sums(runs.filter(id__gte=today))
    return [
        Tile("Running", _count(runs.filter(status=RunStatus.RUNNING)), "status=running"),
        Tile("Queued", _count(runs.filter(status=RunStatus.QUEUED)), "status=queued"),
        Tile("Failed, 24 h", _count(runs.filter(day, status=RunStatus.FAILED)), "status=failed&submitted=24h"),
        Tile("Tokens today", words.count(spent["read"] + spent["written"]), "submitted=24h", words.usd(spent["usd"])),
    ]


def concerns(runs: QuerySet[Run], now: datetime) -> list[Concern]:
    """Waiting, stuck and lately failed runs, the newest first; at most ten of each."""
    lately = runs.filter(id__gte=first_id_at(now - timedelta(hours=24)))
    waiting = [Concern(run, _why_waiting(run)) for run in _newest(_for_people(runs))]
    stuck = [Concern(run, "No live worker holds it.") for run in _newest(_orphans(runs))]
    late = runs.filter(_due(now), held=False, status=RunStatus.QUEUED, queued_at__lt=now - STUCK_AFTER)
    queued = [Concern(run, _why_queued(run)) for run in _newest(late)]
    failed = [Concern(run, run.error_detail or run.error_code) for run in _newest(lately.filter(status="failed"))]
    return [*waiting, *stuck, *queued, *failed]


def _for_people(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs that wait for somebody; what waits for time, other runs or events goes on by itself."""
    asked = Wait.objects.filter(run_id=OuterRef("id"), state=WaitState.OPEN, kind__in=DECIDABLE)
    return runs.filter(Q(stop_reason=StopReason.OUTCOME_UNKNOWN) | Q(Exists(asked)), status=RunStatus.WAITING)


def _orphans(runs: QuerySet[Run]) -> QuerySet[Run]:
    alive = WorkerProcess.objects.filter(id=OuterRef("worker_id"), expires_at__gt=timezone.now())
    return runs.filter(~Exists(alive), status=RunStatus.RUNNING)


def _due(now: datetime) -> Q:
    return Q(next_wake_at__isnull=True) | Q(next_wake_at__lte=now)


def _why_queued(run: Run) -> str:
    if run.quarantined:
        return "It lost its worker again and again, and waits for its turn in quarantine."
    return "No worker has taken it for over a minute."


def _why_waiting(run: Run) -> str:
    if run.stop_reason == StopReason.OUTCOME_UNKNOWN:
        return "A call may or may not have happened; a person must decide."
    return "Somebody must approve a call or answer a question."


def _newest(runs: QuerySet[Run]) -> list[Run]:
    return list(runs.order_by("-id")[:LISTED])


def _count(runs: QuerySet[Run]) -> str:
    number = len(runs.order_by().values_list("id", flat=True)[:COUNTED])
    return f"{number}+" if number == COUNTED else str(number)


def _sums(runs: QuerySet[Run]) -> dict[str, Any]:
    newest = runs.order_by("-id").values("input_tokens", "output_tokens", "cost_usd")[:SUMMED]
    sums = newest.aggregate(read=Sum("input_tokens"), written=Sum("output_tokens"), usd=Sum("cost_usd"))
    return {name: value or 0 for name, value in sums.items()}
