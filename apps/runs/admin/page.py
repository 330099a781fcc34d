"""What the run's page shows: read by few queries, no payload of a step before it is opened."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from apps.contexts.assembly.printing import Mode
from apps.contexts.kinds import Source
from apps.runs.admin import words
from apps.runs.admin.context import composition
from apps.runs.admin.timeline import Timeline, Times, build_timeline
from apps.runs.models import Effect, Run, Step
from apps.runs.selectors import event_json, events_of, run_links, steps_of
from apps.runs.states import ACTIVE, REUSED, RunStatus, StepKind
from apps.runs.tickets import issue_ticket

STEPS_SHOWN: Final = 500
EVENTS_SHOWN: Final = 500
_DIGITS: Final = 9


def first_step(request: HttpRequest) -> int:
    """The step that `?from=` names; 1 when it names none."""
    text = request.GET.get("from", "")
    return max(int(text), 1) if text.isdecimal() and len(text) <= _DIGITS else 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the page's head; `hint` explains it on hover."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Something the answer rests on."""

    title: str
    ref: str
    excerpt: str


def is_active(run: Run) -> bool:
    """Whether something may still happen to the run by itself."""
    return run.status in ACTIVE


def may_be_cancelled(run: Run) -> bool:
    """Whether asking for a cancel makes sense now."""
    return is_active(run) and run.cancel_requested_at is None


def figures(run: Run, now: datetime) -> list[Figure]:
    """The head's numbers; one query for the time to the first token."""
    return [
        Figure("Duration", words.duration(_worked(run, now)), "From the first worker's claim to the end."),
        Figure("Waited", words.duration(_waited(run, now)), "From submission until a worker took the run."),
        Figure("First token", words.duration(_first_token(run)), "From submission to the first token of the answer."),
        Figure("Steps", str(run.step_count), f"{run.model_calls} of them model calls."),
        Figure("Tokens in", words.count(run.input_tokens), f"{run.input_tokens} tokens were read by the model."),
        Figure("Tokens out", words.count(run.output_tokens), f"{run.output_tokens} tokens were written by the model."),
        Figure("Cost", words.usd(run.cost_usd), f"{run.cost_usd.normalize():f} USD."),
        Figure("Attempt", str(run.attempt), "How often a worker has taken the run."),
    ]


def timeline(run: Run, now: datetime, *, first: int = 1) -> Timeline:
    """The waterfall of at most 500 steps from number `first` on."""
    times = Times(
        status=RunStatus(run.status),
        created_at=run.created_at,
        queued_at=run.queued_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error_code=run.error_code,
    )
    return build_timeline(times, list(steps_of(run.id).filter(n__gte=first)[:STEPS_SHOWN]), now)


def live_address(run: Run) -> str:
    """Where a browser hears about the run from now on; empty once it has ended. The ticket is good for a minute."""
    if not is_active(run):
        return ""
    query = {"ticket": issue_ticket(run.id, run.workspace_id), "after": run.event_seq}
    return f"{settings.CEF_LIVE_URL}/api/v1/runs/{run.id}/events?{urlencode(query)}"


def events(run: Run) -> list[dict[str, Any]]:
    """The first 500 events, each with the rest of its data as readable JSON."""
    rows = [event_json(event) for event in events_of(run.id)[:EVENTS_SHOWN]]
    return [_event_row(row) for row in rows]


def passages(run: Run) -> list[Passage]:
    """What was retrieved for the run's last model call, once it has ended: what its answer rests on."""
    if is_active(run):
        return []
    steps = Step.objects.filter(run_id=run.id, manifest__isnull=False).order_by("-n")
    last = steps.values_list("n", flat=True).first()
    context = None if last is None else composition(run, last)
    items = context.items if context else ()
    return [
        Passage(item.get("title", ""), item["ref"], _without_heading(item["text"]))
        for item in items
        if item["source"] == Source.RETRIEVAL and item["mode"] != Mode.STUB
    ]


def effects(run: Run) -> list[Effect]:
    """The ledger of calls that changed the world."""
    return list(Effect.objects.filter(run_id=run.id).order_by("id").defer("arguments", "result", "digest"))


def commands(run: Run) -> list[tuple[str, str]]:
    """How to see the run elsewhere: a label and a line to paste into a shell."""
    link = run_links(run.id)["self"]
    return [
        ("Command line", f"cef runs show {run.id}"),
        ("HTTP", f'curl -H "Authorization: Bearer $CEF_API_KEY" {link}'),
    ]


def reruns(run: Run) -> list[Run]:
    """The newest ten runs that reuse steps of this one."""
    return list(Run.objects.filter(rerun_of_id=run.id).order_by("-id").only("id", "rerun_from")[:10])


def step_row(run_id: UUID, n: int) -> Step | None:
    """One step with its payloads."""
    return Step.objects.filter(run_id=run_id, n=n).first()


def _without_heading(text: str) -> str:
    """The content below the line that repeats the title."""
    return text.partition("\n")[2] if text.startswith("## ") else text


def _event_row(row: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in row.items() if name not in {"seq", "type", "step", "at"}}
    return row | {"rest": words.one_line(rest) if rest else ""}


def _worked(run: Run, now: datetime) -> timedelta | None:
    if run.started_at is None:
        return None
    return (run.finished_at or now) - run.started_at


def _waited(run: Run, now: datetime) -> timedelta | None:
    end = run.started_at or run.finished_at or now
    return max(end - run.created_at, timedelta())


def _first_token(run: Run) -> timedelta | None:
    spoken = Step.objects.filter(run_id=run.id, kind=StepKind.MODEL, first_token_ms__isnull=False)
    first = spoken.exclude(epoch=REUSED).order_by("n").values_list("started_at", "first_token_ms").first()
    if first is None or first[1] is None:
        return None
    return first[0] - run.created_at + timedelta(milliseconds=first[1])
