"""Waiting for what the engine does, with a deadline, and reading what it wrote."""

from typing import Any

from apps.core import canonical
from apps.runs.models import Event, Run, Step
from apps.runs.states import TERMINAL, RunStatus
from tests.waiting import eventually

CUT_THE_ENGINE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'cef-engine'"""
"""Ends every connection of this test's engines; other tests may be running on the same server."""


def ended(run: Run, seconds: float = 20.0) -> Run:
    """The run once it is over."""
    return reached(run, *TERMINAL, seconds=seconds)


def reached(run: Run, *statuses: RunStatus, seconds: float = 20.0) -> Run:
    """The run once it is in one of these states."""

    def look() -> Run | None:
        run.refresh_from_db()
        return run if run.status in statuses else None

    try:
        found = eventually(look, within_s=seconds)
    except AssertionError:
        raise AssertionError(f"{run.status} {run.error_detail}, events {events(run)}") from None
    assert found is not None
    return found


def output(run: Run) -> Any:
    """What the run answered; None when it has no answer."""
    return None if run.output is None else canonical.load(run.output)


def outcome(run: Run) -> tuple[str, str, str]:
    """State, reason and error code, once the run is over."""
    ended(run)
    return run.status, run.stop_reason, run.error_code


def steps(run: Run) -> list[tuple[str, str, Any]]:
    """Kind, name and epoch of each recorded step, in order."""
    return list(Step.objects.filter(run_id=run.id).order_by("n").values_list("kind", "name", "epoch"))


def tool_results(run: Run) -> dict[str, Any]:
    """What each tool call gave back, by its call's id."""
    rows = Step.objects.filter(run_id=run.id, kind="tool").values_list("tool_call_id", "result")
    return {call: canonical.load(result) for call, result in rows if result is not None}


def events(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of each event, in order."""
    rows = Event.objects.filter(run_id=run.id).order_by("seq").values_list("type", "data")
    return [(type_, canonical.load(data)) for type_, data in rows]
