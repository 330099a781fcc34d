"""What a scenario is: a fault that needs a world of its own, or another proof than the common one."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from tests.chaos.arm import Arm
from tests.chaos.stage import Stage


class Unplayable(Exception):
    """This machine does not let the scenario be played; the message says why."""


def _nothing(_: Stage) -> None:
    """Most scenarios need no more than the play."""


def _plain(_: Arm) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """By its number in the table. `world` surrounds the arm from before its start until it has ended; `play`

    is the fault, and `after` looks at the settled world. Checks that begin with one of `forgiven` may show rows: the
    scenario judges those itself.
    """

    number: int
    name: str
    play: Callable[[Stage], None]
    world: Callable[[Arm], AbstractContextManager[None]] = _plain
    after: Callable[[Stage], None] = _nothing
    forgiven: tuple[str, ...] = ()
