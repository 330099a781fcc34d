"""How far ahead a run may wait: what is further away ends at once, with a reason that the model can act on."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final

from django.conf import settings
from django.utils.timezone import now

from apps.runs.statements import LONGEST_LIFE
from apps.runs.states import WaitKind
from apps.runs.waiting import Asked, failed

_DAY: Final = 86_400


def within_reach(asked: Asked) -> Asked:
    """The wait as it is to be opened.

    A refusal is recorded like any other end, and not found again: what is too far away today may not be tomorrow, and
    a replay must hear the same.
    """
    days = settings.CEF_TIMER_DAYS if asked.kind == WaitKind.TIMER else LONGEST_LIFE // _DAY
    if _seconds_away(asked) <= days * _DAY:
        return asked
    latest = now().astimezone(UTC) + timedelta(days=days)
    sentence = f"That is too far away: a run may wait for {days} days, now until {latest:%Y-%m-%dT%H:%M:%SZ}."
    return replace(asked, due_seconds=None, due_at=None, result=failed(sentence))


def _seconds_away(asked: Asked) -> float:
    """Infinity for what is no time at all."""
    if asked.due_at is not None:
        moment = asked.due_at if asked.due_at.tzinfo else asked.due_at.replace(tzinfo=UTC)
        return (moment - now()).total_seconds()
    seconds = asked.due_seconds or 0.0
    return seconds if seconds >= 0 else float("inf")
