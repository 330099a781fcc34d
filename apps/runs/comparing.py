"""Two runs side by side: their steps aligned, and where they first differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

from apps.runs import payloads
from apps.runs.models import Step
from apps.runs.selectors import run_detail, step_json, steps_of
from apps.runs.states import StepKind


@dataclass(frozen=True, slots=True)
class Told:
    """A step, and what it was asked and said, without the times and ids that differ between any two executions."""

    shown: dict[str, Any]
    kind: str
    name: str
    said: Any


def compare_runs(workspace_id: UUID, run_id: UUID, other_id: UUID) -> dict[str, Any]:
    """Both runs with their outputs, their steps in pairs, and the first pair that differs; JSON-ready.

    A pair is the same when the two asked and said the same. Reads the payloads of all steps. Raises RunNotFound.
    """
    runs = [run_detail(workspace_id, one) for one in (run_id, other_id)]
    left, right = (_told(workspace_id, one) for one in (run_id, other_id))
    pairs = [_pair(mine, theirs) for mine, theirs in _aligned(left, right)]
    first = next((number for number, pair in enumerate(pairs) if not pair["same"]), None)
    return {
        "run": runs[0],
        "other": runs[1],
        "same_output": runs[0]["output"] == runs[1]["output"],
        "first_difference": first,
        "steps": pairs,
    }


def _told(workspace_id: UUID, run_id: UUID) -> list[Told]:
    shown = [step_json(row) for row in steps_of(run_id)]
    rows = list(Step.objects.filter(run_id=run_id).order_by("n").values_list("request", "result"))
    asked = payloads.load_many(workspace_id, [request for request, _ in rows])
    said = payloads.load_many(workspace_id, [result for _, result in rows])
    return [
        Told(step, step["kind"], step["name"], [request, _essence(step["kind"], result)])
        for step, request, result in zip(shown, asked, said, strict=True)
    ]


def _essence(kind: str, result: Any) -> Any:
    """Of a model's answer its texts and calls."""
    if kind != StepKind.MODEL or not isinstance(result, dict):
        return result
    kept = ("part_kind", "content", "tool_name", "args")
    return [{name: part.get(name) for name in kept} for part in result.get("parts", [])]


def _aligned(left: Sequence[Told], right: Sequence[Told]) -> Iterator[tuple[Told | None, Told | None]]:
    """Steps of the same kind and name stand side by side; what only one run did stands alone."""
    names = [[(step.kind, step.name) for step in steps] for steps in (left, right)]
    for _, a, b, c, d in SequenceMatcher(None, names[0], names[1], autojunk=False).get_opcodes():
        for offset in range(max(b - a, d - c)):
            yield left[a + offset] if a + offset < b else None, right[c + offset] if c + offset < d else None


def _pair(mine: Told | None, theirs: Told | None) -> dict[str, Any]:
    same = mine is not None and theirs is not None and _key(mine) == _key(theirs)
    return {"same": same, "run": mine and mine.shown, "other": theirs and theirs.shown}


def _key(step: Told) -> tuple[str, str, Any]:
    return step.kind, step.name, step.said
