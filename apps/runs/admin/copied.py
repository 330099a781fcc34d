"""What a forked thread begins with: the turns that were copied, as question and answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.runs import payloads
from apps.runs.admin import words
from apps.runs.models import Run, Thread, Turn


@dataclass(frozen=True, slots=True)
class CopiedTurn:
    """What one run had said; `is_there` tells whether it still exists, for it may have been erased since."""

    run_id: UUID
    question: words.Shown | None
    answer: words.Shown | None
    is_there: bool


def copied_turns(thread: Thread, most: int) -> list[CopiedTurn]:
    """The newest of the copied turns, oldest first; what is kept apart from its row is not read."""
    turns = list(Turn.objects.filter(thread_id=thread.id).order_by("-n")[:most])
    there = set(Run.objects.filter(id__in=[turn.run_id for turn in turns]).values_list("id", flat=True))
    return [_copied(thread.workspace_id, turn, turn.run_id in there) for turn in reversed(turns)]


def _copied(workspace_id: UUID, turn: Turn, is_there: bool) -> CopiedTurn:
    if payloads.digest_of(turn.messages) is not None:
        return CopiedTurn(turn.run_id, None, None, is_there)
    parts = [part for message in payloads.load(workspace_id, turn.messages) for part in message.get("parts", ())]
    asked = "\n".join(_asked(parts))
    said = "\n".join(_said(parts))
    return CopiedTurn(turn.run_id, words.shown_value(asked, 0), words.shown_value(said, 0) if said else None, is_there)


def _asked(parts: Iterable[dict[str, Any]]) -> Iterable[str]:
    for part in parts:
        if part.get("part_kind") == "user-prompt":
            content = part["content"]
            yield from (item for item in ([content] if isinstance(content, str) else content) if isinstance(item, str))


def _said(parts: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Texts, and answers that keep a schema, which models give as a call."""
    for part in parts:
        if part.get("part_kind") == "text":
            yield part.get("content", "")
        elif part.get("part_kind") == "tool-call" and part.get("tool_name") == "final_result":
            args = part.get("args")
            yield args if isinstance(args, str) else words.shown_value(args, 0).text
