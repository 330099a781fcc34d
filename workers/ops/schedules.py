"""Runs that start by the clock: whoever of the `ops` processes looks first starts them, once."""

from apps.runs.schedules import due_schedules
from apps.runs.services.schedules_firing import fire_due


def fire_due_schedules() -> int:
    """Start the runs of schedules whose time has come; how many there were."""
    return sum(fire_due(schedule) is not None for schedule in due_schedules())
