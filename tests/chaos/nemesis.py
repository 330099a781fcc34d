"""Carries the schedule out, keeps the fleet alive meanwhile, and makes everything whole again at the end."""

import heapq
import itertools
import time
from collections.abc import Callable, Sequence

from tests.chaos.arm import Arm
from tests.chaos.schedule import Blow

_TICK_S = 0.05


class Nemesis:
    """The world of the faults. Lives in the thread that started the arm's processes."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))

    def start_redis(self) -> None:
        if self.arm.stack.valkey.pid is None:
            self.arm.stack.valkey.start(dies_with_parent=True)
            self.arm.ledger.write(kind="redis_returned")

    def start_postgres(self) -> None:
        if self.arm.stack.postgres.pid is None:
            self.arm.stack.postgres.start(dies_with_parent=True)
            self.arm.ledger.write(kind="postgres_returned")

    def strike(self, blows: Sequence[Blow], for_s: float) -> None:
        """Carry them out, each at its time from now; returns after `for_s`, with faults still in the air."""
        begun = time.monotonic()
        for blow in blows:
            self.wait_until(begun + blow.at)
            self.arm.ledger.write(kind="blow", number=blow.fault.number, name=blow.fault.name, what=str(blow).strip())
            blow.fault.strike(self, blow)
        self.wait_until(begun + for_s)

    def wait_until(self, moment: float) -> None:
        """Let time pass, with everything that must be done in it."""
        while True:
            self.tend()
            left = moment - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_TICK_S, left))

    def wait_for(self, question: Callable[[], bool], within_s: float, *, every_s: float = _TICK_S) -> bool:
        """Let time pass until the answer is yes; whether it came in time."""
        deadline = time.monotonic() + within_s
        while not question():
            if time.monotonic() > deadline:
                return False
            self.wait_until(time.monotonic() + every_s)
        return True

    def tend(self) -> None:
        """What is due now; and a look after the fleet."""
        self.arm.background.check()
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        self.arm.fleet.tend()

    def calm(self) -> None:
        """End every fault at once; processes with a failpoint are replaced by plain ones."""
        while self._due:
            heapq.heappop(self._due)[2]()
        self.start_postgres()
        self.start_redis()
        for links in self.arm.stack.links.values():
            links.heal()
        self.arm.fleet.thaw_all()
        self.arm.fleet.disarm()
