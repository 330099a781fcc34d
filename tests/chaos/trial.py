"""One arm under one schedule: start, load, faults, calm, and what the checker says."""

from collections.abc import Callable, Sequence

from tests.chaos.arm import Arm
from tests.chaos.broker import await_consumers
from tests.chaos.checker import judge
from tests.chaos.control_arm import ControlArm
from tests.chaos.engine_arm import EngineArm
from tests.chaos.ledger import read
from tests.chaos.load import Load
from tests.chaos.loop import BackgroundLoop
from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.report import Outcome
from tests.chaos.schedule import Blow, schedule

ARMS = {arm.name: arm for arm in (EngineArm, ControlArm)}

_STILL_S = 60.0
_WARM_S = 60.0
_CONSUME_S = 60.0

Say = Callable[[str], None]


def run_arm(name: str, options: Options, *, say: Say) -> Outcome:
    """The arm's outcome; everything it started has ended then."""
    background = BackgroundLoop()
    arm = ARMS[name](options, background)
    try:
        arm.start()
        return _endure(arm, schedule(options, arm.workers), say)
    finally:
        if options.keep is not None:
            arm.stack.keep(options.keep / name)
        arm.stop()
        background.stop()


def _endure(arm: Arm, blows: Sequence[Blow], say: Say) -> Outcome:
    nemesis, load = Nemesis(arm), Load(arm)
    arm.background.start(load.run())
    arm.background.start(load.watch())
    if not nemesis.wait_for(lambda: load.finished > 0, _WARM_S):
        raise TimeoutError(f"{arm.name}: no run was finished within {_WARM_S:g} s.\n{arm.stack.log('runs0')[-3000:]}")
    say(f"{arm.name}: {len(blows)} faults in {arm.options.duration_s:g} s")
    nemesis.strike(blows, arm.options.duration_s)
    load.stop()
    nemesis.calm()
    say(f"{arm.name}: faults are over, {len(load.open)} runs are open")
    _settle(nemesis, load)
    stuck = _stuck(arm, nemesis)
    return _outcome(arm, stuck)


def _settle(nemesis: Nemesis, load: Load) -> None:
    """Until everything that was accepted is over, or nothing has ended for longer than any recovery takes."""
    while load.open or load.asking:
        before = load.finished
        if not nemesis.wait_for(lambda before=before: load.finished > before or not load.open, _STILL_S):  # type: ignore[misc]
            return


def _stuck(arm: Arm, nemesis: Nemesis) -> int:
    """Workers that do not take a message of the broker that has returned."""
    nemesis.wait_for(lambda: all(arm.fleet.pid(name) for name in arm.workers), _CONSUME_S)
    pids = {pid for name in arm.workers if (pid := arm.fleet.pid(name)) is not None}
    return len(pids - await_consumers(arm.board, arm.canary, pids, _CONSUME_S).keys())


def _outcome(arm: Arm, stuck: int) -> Outcome:
    kinds = [line["kind"] for line in read(arm.stack.ledgers / "harness.jsonl")]
    kind = "engine" if isinstance(arm, EngineArm) else "control"
    return Outcome(
        arm=arm.name,
        options=arm.options,
        verdict=judge(kind, arm.stack.postgres.owner_url, arm.stack.ledgers),
        redis_restarts=kinds.count("redis_restart"),
        postgres_restarts=kinds.count("postgres_restart"),
        stuck_workers=stuck,
    )
