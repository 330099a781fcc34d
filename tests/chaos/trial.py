"""One arm under one schedule or scenario, from its start to what the checker says."""

import shutil
from contextlib import ExitStack

from tests.chaos.arm import Arm
from tests.chaos.control_arm import ControlArm
from tests.chaos.engine_arm import EngineArm
from tests.chaos.loop import BackgroundLoop
from tests.chaos.options import Options
from tests.chaos.report import Outcome
from tests.chaos.scenarios import Scenario
from tests.chaos.schedule import schedule
from tests.chaos.stage import Say, Stage

ARMS = {arm.name: arm for arm in (EngineArm, ControlArm)}


def run_arm(name: str, options: Options, *, say: Say, scenario: Scenario | None = None) -> Outcome:
    """The arm's outcome; everything it started has ended then."""
    with ExitStack() as undo:
        background = BackgroundLoop()
        undo.callback(background.stop)
        arm = ARMS[name](options, background)
        undo.callback(shutil.rmtree, arm.stack.folder, ignore_errors=True)
        if scenario is not None:
            undo.enter_context(scenario.world(arm))
        undo.callback(arm.stop)
        undo.callback(arm.stack.keep, options.keep / name if options.keep else None)
        arm.start()
        return endure(arm, say) if scenario is None else _play(Stage(arm, say), scenario)


def endure(arm: Arm, say: Say) -> Outcome:
    """A started arm under its options' schedule; the servers stay up."""
    stage, blows = Stage(arm, say), schedule(arm.options, arm.workers)
    stage.begin_load()
    stage.say(f"{len(blows)} faults in {stage.options.duration_s:g} s")
    stage.nemesis.strike(blows, stage.options.duration_s)
    stage.settle()
    return _closed(stage)


def _play(stage: Stage, scenario: Scenario) -> Outcome:
    stage.say(scenario.name)
    scenario.play(stage)
    stage.settle()
    scenario.after(stage)
    return _closed(stage).forgiving(scenario.forgiven)


def _closed(stage: Stage) -> Outcome:
    return stage.outcome(stuck=sum(seconds is None for seconds in stage.consumers().values()))
