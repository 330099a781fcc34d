"""Reading runs: lists without payloads, and one run with everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet

from apps.agents.models import Agent
from apps.core import canonical
from apps.core.ids import first_id
from apps.runs import payloads
from apps.runs.effects import effects_json, effects_of
from apps.runs.exceptions import RunNotFound, StepNotFound
from apps.runs.models import Event, Run, Step
from apps.runs.waits import waits_of

PAYLOADS: Final = ("input", "output", "messages")
"""Columns that a list never reads."""

SUMMARY: Final = (
    "id",
    "status",
    "stop_reason",
    "attempt",
    "held",
    "thread_id",
    "parent_id",
    "batch_id",
    "rerun_of_id",
    "rerun_from",
    "metadata",
    "error_code",
    "error_detail",
    "cancel_requested_at",
    "created_at",
    "started_at",
    "finished_at",
    "step_count",
    "model_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
)

CLOCK_SLACK_MS: Final = 10 * 60 * 1000
"""How far the clock that made a run's id may be from the database's, which says when the run was created."""

DETAIL: Final = ("input", "output", "attachments", "limits", "streaming", "context_versions", "payloads_removed_at")


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """What a list of runs may be narrowed by. Times are aware; `metadata` must be contained in the run's."""

    statuses: tuple[str, ...] = ()
    agent: str | None = None
    thread_id: UUID | None = None
    batch_id: UUID | None = None
    schedule_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: dict[str, Any] | None = None

    def condition(self, workspace_id: UUID) -> Q:
        """The filter as one condition on the workspace's runs, in the words that its indexes answer to.

        One query when an agent is named.
        """
        condition = Q()
        if self.statuses:
            condition &= Q(status__in=self.statuses)
        if self.agent is not None:
            # Looked up first: of an id the planner knows how many runs it has, of a join's outcome it does not.
            agents = Agent.objects.filter(workspace_id=workspace_id, slug=self.agent)
            condition &= Q(agent_id__in=list(agents.values_list("id", flat=True)))
        if self.thread_id is not None:
            condition &= Q(thread_id=self.thread_id)
        if self.batch_id is not None:
            condition &= Q(batch_id=self.batch_id)
        if self.schedule_id is not None:
            condition &= Q(schedule_id=self.schedule_id)
        if self.created_after is not None:
            condition &= Q(created_at__gte=self.created_after, id__gte=first_id(self.created_after, -CLOCK_SLACK_MS))
        if self.created_before is not None:
            condition &= Q(created_at__lt=self.created_before, id__lt=first_id(self.created_before, CLOCK_SLACK_MS))
        if self.metadata:
            # The index holds no empty metadata, and PostgreSQL does not conclude that by itself.
            condition &= Q(metadata__contains=self.metadata) & ~Q(metadata={})
        return condition


def get_run(workspace_id: UUID, run_id: UUID) -> Run:
    """The run with its agent and version. Raises RunNotFound, also for another workspace's."""
    run = Run.objects.select_related("agent", "agent_version").filter(workspace_id=workspace_id, id=run_id).first()
    if run is None:
        raise RunNotFound
    return run


def run_summaries(runs: QuerySet[Run]) -> "QuerySet[Run, Any]":
    """Rows for a list, as dictionaries; payload columns are not read."""
    return _named(runs, *SUMMARY)


def run_json(row: dict[str, Any]) -> dict[str, Any]:
    """The public form of a row of `run_summaries`."""
    return {
        "id": row["id"],
        "status": row["status"],
        "stop_reason": row["stop_reason"] or None,
        "attempt": row["attempt"],
        "agent": row["agent_slug"],
        "agent_version": row["version_number"],
        "held": row["held"],
        "thread_id": row["thread_id"],
        "parent_id": row["parent_id"],
        "batch_id": row["batch_id"],
        "rerun_of": row["rerun_of_id"],
        "rerun_from": row["rerun_from"],
        "error": {"code": row["error_code"], "detail": row["error_detail"]} if row["error_code"] else None,
        "usage": _usage(row),
        "metadata": row["metadata"],
        "cancel_requested_at": row["cancel_requested_at"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "links": run_links(row["id"]),
    }


def run_detail(workspace_id: UUID, run_id: UUID) -> dict[str, Any]:
    """One run with its input and output, JSON-ready; one query, and one more for large ones. Raises RunNotFound."""
    row = _named(Run.objects.filter(workspace_id=workspace_id, id=run_id), *SUMMARY, *DETAIL).first()
    if row is None:
        raise RunNotFound
    return detail_json(row, *payloads.load_many(workspace_id, [row["input"], row["output"]]))


def detail_json(row: dict[str, Any], asked: Any, answered: Any) -> dict[str, Any]:
    """The public form of a row with the columns of SUMMARY and DETAIL, its input and output already opened."""
    return run_json(row) | {
        "input": asked,
        "output": answered,
        "attachments": row["attachments"],
        "limits": row["limits"],
        "streaming": row["streaming"],
        "context_versions": row["context_versions"],
        "payloads_removed_at": row["payloads_removed_at"],
    }


def run_links(run_id: UUID) -> dict[str, str]:
    """Absolute addresses of the run: in the API, on `live`, in the admin."""
    return {
        "self": f"{settings.CEF_PUBLIC_URL}/api/v1/runs/{run_id}",
        "events": f"{settings.CEF_PUBLIC_URL}/api/v1/runs/{run_id}/events",
        "live": f"{settings.CEF_LIVE_URL}/api/v1/runs/{run_id}/events",
        "admin": f"{settings.CEF_PUBLIC_URL}/admin/runs/run/{run_id}/change/",
    }


def steps_of(run_id: UUID) -> "QuerySet[Step, Any]":
    """The journal in order, without requests, results and manifests."""
    return (
        Step.objects.filter(run_id=run_id)
        .order_by("n")
        .values(
            "n",
            "kind",
            "name",
            "tool_call_id",
            "epoch",
            "error_code",
            "started_at",
            "finished_at",
            "first_token_ms",
            "input_tokens",
            "output_tokens",
            "cost_usd",
        )
    )


def step_json(row: dict[str, Any]) -> dict[str, Any]:
    """The public form of a row of `steps_of`."""
    duration = row["finished_at"] - row["started_at"]
    return {
        "n": row["n"],
        "kind": row["kind"],
        "name": row["name"],
        "tool_call_id": row["tool_call_id"] or None,
        "attempt": row["epoch"],
        "reused": row["epoch"] == 0,
        "error_code": row["error_code"] or None,
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "duration_ms": round(duration.total_seconds() * 1000),
        "first_token_ms": row["first_token_ms"],
        "usage": {
            "input_tokens": row["input_tokens"],
            "output_tokens": row["output_tokens"],
            "cost_usd": _usd(row["cost_usd"]),
        },
    }


def step_detail(run_id: UUID, n: int) -> dict[str, Any]:
    """One step with what it was asked and what it answered. Raises StepNotFound."""
    row = steps_of(run_id).filter(n=n).values(*_STEP_DETAIL, "run__workspace_id").first()
    if row is None:
        raise StepNotFound
    request, result = payloads.load_many(row["run__workspace_id"], [row["request"], row["result"]])
    return step_json(row) | {"request": request, "result": result}


_STEP_DETAIL: Final = (
    "n", "kind", "name", "tool_call_id", "epoch", "error_code", "started_at", "finished_at",
    "first_token_ms", "input_tokens", "output_tokens", "cost_usd", "request", "result",
)  # fmt: skip


def events_of(run_id: UUID, *, after: int = 0) -> QuerySet[Event]:
    """The run's history after a sequence number, in order."""
    return Event.objects.filter(run_id=run_id, seq__gt=after).order_by("seq")


def event_json(event: Event) -> dict[str, Any]:
    """The public form of an event; the same on SSE."""
    data: dict[str, Any] = canonical.load(event.data)
    return {"seq": event.seq, "type": event.type, "step": event.step_n, "at": event.created_at} | data


def run_export(workspace_id: UUID, run_id: UUID) -> dict[str, Any]:
    """Everything the platform holds about a run, JSON-ready. Raises RunNotFound."""
    detail = run_detail(workspace_id, run_id)
    steps = Step.objects.filter(run_id=run_id).order_by("n").values(*_STEP_DETAIL, "key", "manifest")
    return detail | {
        "steps": [_exported_step(workspace_id, row) for row in steps],
        "events": [event_json(event) for event in events_of(run_id)],
        "effects": effects_json(effects_of(run_id)),
        "waits": waits_of(run_id),
    }


def _named(runs: QuerySet[Run], *columns: str) -> "QuerySet[Run, Any]":
    """The columns, with the names of the agent and its version."""
    rows: QuerySet[Run, Any] = runs.values(
        *columns, agent_slug=F("agent__slug"), version_number=F("agent_version__number")
    )
    return rows


def _exported_step(workspace_id: UUID, row: dict[str, Any]) -> dict[str, Any]:
    return step_json(row) | {"key": row["key"]} | _loaded(workspace_id, row, "request", "result", "manifest")


def _loaded(workspace_id: UUID, row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return dict(zip(names, payloads.load_many(workspace_id, [row[name] for name in names]), strict=True))


def _usage(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": row["step_count"],
        "model_calls": row["model_calls"],
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "cost_usd": _usd(row["cost_usd"]),
    }


def _usd(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
