"""What the caller of a model says beside the request: until when it may take, and which call of the run it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The frame of one model call.

    `deadline` is a moment of the monotonic clock past which nothing is tried or waited for; `number` counts the run's
    model calls from zero, and `attempt` the tries at this one from one.
    """

    deadline: float | None = None
    number: int | None = None
    attempt: int = 1


_NO_FRAME = ModelCall()
_current: ContextVar[ModelCall] = ContextVar("model_call", default=_NO_FRAME)


def current() -> ModelCall:
    """The frame of the call being made."""
    return _current.get()


@contextmanager
def model_call(*, deadline: float | None = None, number: int | None = None) -> Iterator[None]:
    """Frame the model calls made inside, in this task."""
    token = _current.set(ModelCall(deadline=deadline, number=number))
    try:
        yield
    finally:
        _current.reset(token)


def begin_attempt(attempt: int) -> None:
    """Note the attempt for whoever answers it. Not reset: the note lives as long as the task or the next attempt."""
    frame = _current.get()
    if frame.attempt != attempt:
        _current.set(ModelCall(deadline=frame.deadline, number=frame.number, attempt=attempt))
