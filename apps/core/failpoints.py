"""Places where a process kills itself when told to, so that tests crash it at the worst moment. Never in production.

`CEF_FAILPOINT=after_intent:0.05` is a SIGKILL at that place with that probability, `after_intent:0.05:stop` a SIGSTOP:
the process comes back when somebody continues it, and finds the world changed. Several are separated by commas.
"""

import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PLACES: Final = frozenset(
    {
        "before_claim",  # a worker has room and is about to ask for a run
        "after_claim",  # the run is the worker's, and nothing was done for it
        "after_intent",  # the intent of an unsafe call is committed, the call was not made
        "mid_model",  # the model was paid for, its answer is not recorded
        "after_tool_before_commit",  # the tool has had its effect, its result is not recorded
        "after_commit_before_ack",  # a step is recorded, and its run does not know
        "before_publish",  # a run is accepted, or over, and nobody was told
        "mid_drain",  # a leaving worker has given back some of its runs
    }
)
_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class Failpoint:
    """One place, how probable the failure is there (0 to 1), and the signal."""

    place: str
    probability: float
    signal: signal.Signals


def parse(items: Sequence[str]) -> dict[str, Failpoint]:
    """The failpoints of `place:probability[:kill|stop]` items by their place. Raises ImproperlyConfigured."""
    found = map(_parse_one, items)
    return {failpoint.place: failpoint for failpoint in found}


def _parse_one(item: str) -> Failpoint:
    place, _, rest = item.partition(":")
    share, _, action = rest.partition(":")
    if place not in PLACES:
        raise ImproperlyConfigured(f"CEF_FAILPOINT: no place {place!r}; there are {', '.join(sorted(PLACES))}.")
    if (action or "kill") not in _SIGNALS:
        raise ImproperlyConfigured(f"CEF_FAILPOINT: {action!r} must be kill or stop.")
    return Failpoint(place, _probability(share), _SIGNALS[action or "kill"])


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"CEF_FAILPOINT: {text!r} is no probability.") from None
    if not 0 < value <= 1:
        raise ImproperlyConfigured(f"CEF_FAILPOINT: the probability {text} must lie above 0 and at most at 1.")
    return value


_ARMED: Final = parse(settings.CEF_FAILPOINT)


def hit(place: str) -> None:
    """This is the place: end or stop here, if this process was told to. A look into an empty dict otherwise."""
    if _ARMED:
        _perhaps(_ARMED.get(place))


def _perhaps(failpoint: Failpoint | None) -> None:
    if failpoint is not None and random.random() < failpoint.probability:  # noqa: S311
        os.write(2, f"failpoint {failpoint.place}: {failpoint.signal.name}\n".encode())
        os.kill(os.getpid(), failpoint.signal)
