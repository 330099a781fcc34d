"""What a tool waits for that answers later than a call may last: plain values, returned by tools that `defer`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A person's answer; it must keep the schema, when there is one."""

    prompt: str
    answer_schema: Mapping[str, Any] | None = None
    role: str = ""
    due_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A moment: in so many seconds, or at a time."""

    seconds: float | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRun:
    """The end of another agent's run, which is started as this run's child."""

    agent: str
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEvent:
    """Something that happens outside and is reported with a token."""

    name: str
    due_seconds: float | None = None


Deferral = Question | Timer | ChildRun | ExternalEvent
