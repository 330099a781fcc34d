"""Runs of a thread as these tests make them, and what a thread has kept of them."""

from typing import Any

from apps.core import canonical
from apps.runs.models import Run, Thread
from apps.runs.services import RunRequest, create_run
from apps.runs.states import Strategy


def say(thread: Thread, text: str, strategy: Strategy = Strategy.REJECT, agent: str = "docs") -> Run:
    """A new run of the thread."""
    request = RunRequest(agent=agent, input=text, thread_id=thread.id, strategy=strategy)
    return create_run(thread.workspace_id, request)


def standing(thread: Thread) -> list[tuple[str, str, bool]]:
    """Status, reason and whether it is held, of each run in the order of their making."""
    return list(Run.objects.filter(thread=thread).order_by("id").values_list("status", "stop_reason", "held"))


def kept(run: Run) -> list[tuple[str, Any]]:
    """Kind and content of each part that the run leaves in its thread; a call's content is its tool's name."""
    run.refresh_from_db()
    if run.messages is None:
        return []
    return [_part(part) for message in canonical.load(run.messages) for part in message["parts"]]


def _part(part: dict[str, Any]) -> tuple[str, Any]:
    return part["part_kind"], part["tool_name"] if part["part_kind"] == "tool-call" else part["content"]
