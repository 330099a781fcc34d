"""An arm with its load and its nemesis: what a schedule or a scenario plays on."""

from collections.abc import Callable
from typing import Any

from tests.chaos.arm import Arm
from tests.chaos.broker import await_consumers
from tests.chaos.cases import Case
from tests.chaos.checker import Finding, judge
from tests.chaos.engine_arm import EngineArm
from tests.chaos.ledger import read
from tests.chaos.load import Load
from tests.chaos.nemesis import Nemesis
from tests.chaos.report import Outcome

_WARM_S = 90.0
_WARM = 5
_STILL_S = 60.0
_ROUNDS = 3
_CONSUME_S = 60.0

Say = Callable[[str], None]


class Stage:
    """Opened over a started arm, closed by `outcome`."""

    def __init__(self, arm: Arm, say: Say) -> None:
        self.arm, self.options, self._say = arm, arm.options, say
        self.nemesis, self.load = Nemesis(arm), Load(arm)
        self.measured: dict[str, Any] = {}
        self.broken: list[Finding] = []
        arm.background.start(self.load.watch())

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        self._say(f"{self.arm.name}: {text}")

    def begin_load(self) -> None:
        """Submit cases from now on; returns when the first are done. Raises TimeoutError."""
        self.arm.background.start(self.load.run())
        if not self.nemesis.wait_for(lambda: self.load.finished >= _WARM, _WARM_S):
            log = self.arm.stack.log("runs0")[-3000:]
            raise TimeoutError(f"Not {_WARM} runs were finished within {_WARM_S:g} s.\n{log}")

    def submit(self, case: Case) -> str:
        """Hand in a case of the scenario's own; its run. Raises RuntimeError when it is not accepted."""
        run = self.arm.background.call(self.load.submit(case), within_s=60)
        if run is None:
            raise RuntimeError(f"{case.id} was not accepted.")
        return run

    def require(self, holds: bool, promise: str, **facts: Any) -> None:
        """Note a promise that does not hold."""
        if not holds:
            self.broken.append(Finding(promise, [facts]))

    def refusals(self) -> int:
        """How often the client was told no, or nothing at all."""
        lines = read(self.arm.stack.ledgers / "harness.jsonl")
        return sum(line["kind"] in {"refused", "unanswered"} for line in lines)

    def settle(self) -> None:
        """No more load and no more faults; then wait for all that was accepted, and do what people do."""
        self.load.stop()
        self.nemesis.calm()
        self.say(f"faults are over, {len(self.load.open)} runs are open")
        self._await_ends()
        for _ in range(_ROUNDS):
            if self.arm.unfinished():
                self.arm.background.call(self.arm.decide(), within_s=_STILL_S)
                self.nemesis.wait_for(lambda: not self.arm.unfinished(), _STILL_S, every_s=0.5)

    def consumers(self) -> dict[str, float | None]:
        """Seconds after which the worker in each place took a message from now on; None when none did in a minute."""
        arm = self.arm
        self.nemesis.wait_for(lambda: all(arm.fleet.pid(name) for name in arm.workers), _CONSUME_S)
        return await_consumers(arm.board, arm.canary, self._pid, arm.workers, _CONSUME_S)

    def outcome(self, stuck: int) -> Outcome:
        """What the checker says, and what was noted here."""
        stack = self.arm.stack
        kinds = [line["kind"] for line in read(stack.ledgers / "harness.jsonl")]
        kind = "engine" if isinstance(self.arm, EngineArm) else "control"
        return Outcome(
            arm=self.arm.name,
            options=self.options,
            verdict=judge(kind, stack.postgres.owner_url, stack.ledgers),
            redis_restarts=kinds.count("redis_restart"),
            postgres_restarts=kinds.count("postgres_restart"),
            stuck_workers=stuck,
            measured=self.measured,
            noted=self.broken,
        )

    def _pid(self, place: str) -> int | None:
        """Of the process there, started again when it has ended."""
        self.nemesis.tend()
        return self.arm.fleet.pid(place)

    def _await_ends(self) -> None:
        """Until everything that was accepted is over, or nothing has ended for longer than any recovery takes."""
        while self.load.open or self.load.asking:
            before = self.load.finished
            if not self.nemesis.wait_for(lambda before=before: self._has_moved(before), _STILL_S):  # type: ignore[misc]
                return

    def _has_moved(self, before: int) -> bool:
        return self.load.finished > before or not (self.load.open or self.load.asking)
