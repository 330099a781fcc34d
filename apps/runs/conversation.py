"""What a run adds to its thread when it is stopped before its end."""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import BinaryContent, ModelMessage, ModelResponse, UserContent

from apps.core import blobs, canonical
from apps.runs import payloads
from apps.runs.models import Run, Step, Wait
from apps.runs.states import StepKind
from apps.runs.text import prompt_text
from apps.runs.transcript import DENIED, Said, journal_id, run_step, transcript
from apps.runs.waiting import Ending, Result

_KINDS: Final = {Ending.RETURNED: "tool_return", Ending.FAILED: "tool_failed", Ending.DENIED: DENIED}


def words_of(run_id: UUID, *, unfinished: str = "") -> bytes:
    """The messages of a run as far as its journal goes, and what it was just saying; JSON as `Run.messages` holds it.

    Three queries, and one for each attachment.
    """
    run = Run.objects.only("workspace_id", "input", "attachments").get(id=run_id)
    text = prompt_text(payloads.load(run.workspace_id, run.input))
    files = attached_files(run.workspace_id, run.attachments)
    prompt: str | list[UserContent] = [text, *files] if files else text
    messages = transcript(prompt, _journal(run), unfinished=unfinished)
    return canonical.dump(JSON_CODEC.dump(list[ModelMessage], messages))


def pending_calls(workspace_id: UUID, run_id: UUID) -> set[str]:
    """The names of the tools that the run's last answer calls and whose results are not recorded."""
    last = Step.objects.filter(run_id=run_id, kind=StepKind.MODEL).order_by("-n").only("n", "result").first()
    if last is None or last.result is None:
        return set()
    answered = Step.objects.filter(run_id=run_id, kind=StepKind.TOOL, n__gt=last.n)
    ids = set(answered.values_list("tool_call_id", flat=True))
    response = JSON_CODEC.load(ModelResponse, payloads.load(workspace_id, last.result))
    return {call.tool_name for call in response.tool_calls if journal_id(call) not in ids}


def attached_files(workspace_id: UUID, attachments: list[dict[str, Any]]) -> list[BinaryContent]:
    """The files of an input as a model gets them."""
    return [
        BinaryContent(blobs.load(workspace_id, bytes.fromhex(file["digest"])), media_type=file["media_type"])
        for file in attachments
    ]


def _journal(run: Run) -> list[Said]:
    """The steps in order, then how waits ended."""
    steps = list(_steps(run.id))
    waits = list(Wait.objects.filter(run_id=run.id, result__isnull=False).order_by("id"))
    results = payloads.load_many(run.workspace_id, [step.result for step in steps] + [wait.result for wait in waits])
    values = iter(results)
    made = [Said(run_step(step.key), step.kind, step.name, step.tool_call_id, next(values)) for step in steps]
    told = [Said(wait.run_step, StepKind.TOOL, wait.tool, wait.tool_call_id, next(values)) for wait in waits]
    return [*made, *filter(None, map(_answer, told))]


def _steps(run_id: UUID) -> QuerySet[Step]:
    return Step.objects.filter(run_id=run_id).order_by("n").only("key", "kind", "name", "tool_call_id", "result")


def _answer(wait: Said) -> Said | None:
    """What a wait gave its call, in the form of a step; nothing when it only let the call be made."""
    result = Result(**wait.result)
    kind = _KINDS.get(Ending(result.ending))
    return (
        None
        if kind is None
        else replace(wait, result={"kind": kind, "result": result.value, "message": result.message})
    )
