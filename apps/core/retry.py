"""What a failure asks for: another try, a correction by the model, or neither; and how long to wait. Pure.

The one place where this is decided: for answers of model providers, for tools, and for the requests of HTTP tools.

| remedy      | seen                                           | what follows                                          |
|-------------|------------------------------------------------|-------------------------------------------------------|
| transient   | no answer in time, a connection that was       | model calls, and requests that are idempotent, are    |
|             | refused or dropped, 408, 409, 425, 429, 5xx,   | tried again after a pause, up to four times in all;   |
|             | LimitExceeded, Unavailable                     | of a tool the model is told, and may call it again    |
| correctable | input that breaks a rule, an answer that       | whoever made it is told what is wrong: a model three  |
|             | cannot be understood                           | times per tool and run, a provider is asked once more |
| terminal    | everything else                                | a tool's failure is told, a provider's ends the run   |

A call that may have changed something, of which nobody knows how it ended, is none of these: an idempotent one is made
again under its key (`apps.tools.services.repeating`), and then, like an unsafe one, a person decides (see
`workers.engine.effects`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from apps.core.exceptions import CefError, InvalidInput, LimitExceeded, Unavailable

_PASSING_STATUSES: Final = frozenset({408, 409, 425, 429})


class Remedy(StrEnum):
    """What may help after a failure."""

    TRANSIENT = "transient"
    CORRECTABLE = "correctable"
    TERMINAL = "terminal"


def remedy_of(error: CefError) -> Remedy:
    """For a refusal of the platform."""
    if isinstance(error, LimitExceeded | Unavailable):
        return Remedy.TRANSIENT
    return Remedy.CORRECTABLE if isinstance(error, InvalidInput) else Remedy.TERMINAL


def remedy_of_status(status: int) -> Remedy:
    """For an HTTP answer of 400 or above."""
    return Remedy.TRANSIENT if status in _PASSING_STATUSES or status >= 500 else Remedy.TERMINAL


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how patiently; seconds. `corrections` counts the tries at what nobody could understand."""

    attempts: int = 4
    corrections: int = 2
    first_delay_s: float = 0.5
    longest_delay_s: float = 20.0
    longest_retry_after_s: float = 60.0

    def pause(self, remedy: Remedy, *, attempt: int, jitter: float, retry_after_s: float | None = None) -> float | None:
        """Seconds until the next try after `attempt` failed so, or None to give up. `jitter` is drawn from [0, 1).

        Exponential, spread over the upper half of each step; never sooner than was asked for, up to a cap.
        """
        if attempt >= self._allowed(remedy):
            return None
        backoff = min(self.longest_delay_s, self.first_delay_s * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * jitter)
        return max(backoff, min(retry_after_s or 0.0, self.longest_retry_after_s))

    def _allowed(self, remedy: Remedy) -> int:
        if remedy is Remedy.CORRECTABLE:
            return min(self.corrections, self.attempts)
        return self.attempts if remedy is Remedy.TRANSIENT else 1
