"""Faults of worker processes: killed at random or at the worst moment, frozen, sent away, started in another time."""

from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.engine_arm import EngineArm
from tests.chaos.faults.fault import Fault, Struck, World

_SKEW: Final = str(Path(__file__).parents[1] / "skew")
_AFTER_A_START_S: Final = 4.0
"""How long a process needs until it works; the control arm has no failpoints and is simply struck then."""

_HELD: Final = """
SELECT run.id::text FROM runs_run AS run JOIN runs_workerprocess AS worker ON worker.id = run.worker_id
WHERE worker.pid = %s AND run.status = 'running' ORDER BY run.id LIMIT 1"""


def _kill(world: World, blow: Struck) -> None:
    world.arm.fleet.kill(blow.target)


def _kill_at(world: World, blow: Struck) -> None:
    """The present process dies, and the next one at its failpoint."""
    fleet = world.arm.fleet
    fleet.prepare(blow.target, {"CEF_FAILPOINT": blow.variant})
    fleet.kill(blow.target)
    if not isinstance(world.arm, EngineArm):
        world.later(_AFTER_A_START_S, lambda: fleet.kill(blow.target))
    elif blow.variant.startswith("mid_drain"):
        world.later(_AFTER_A_START_S, lambda: fleet.terminate(blow.target))


def _freeze(world: World, blow: Struck) -> None:
    """Stopped for three times the lease, then back as a zombie: at a random moment, or at its failpoint."""
    fleet = world.arm.fleet
    if not blow.variant:
        fleet.freeze(blow.target)
        return
    fleet.prepare(blow.target, {"CEF_FAILPOINT": blow.variant})
    fleet.kill(blow.target)
    if not isinstance(world.arm, EngineArm):
        world.later(_AFTER_A_START_S, lambda: fleet.freeze(blow.target))


def _leave(world: World, blow: Struck) -> None:
    world.arm.fleet.terminate(blow.target)


def _skew(world: World, blow: Struck) -> None:
    world.arm.fleet.prepare(blow.target, {"PYTHONPATH": _SKEW, "CHAOS_SKEW_SECONDS": blow.variant})
    world.arm.fleet.kill(blow.target)


def _cancel_and_kill(world: World, blow: Struck) -> None:
    """Somebody cancels a run, and its worker dies before or after it has seen that."""
    arm = world.arm
    pid = arm.fleet.pid(blow.target)
    try:
        held = arm.query(_HELD, pid) if isinstance(arm, EngineArm) and pid is not None else []
    except psycopg.OperationalError:
        held = []
    for row in held:
        arm.background.start(arm.cancel(str(row[0])))
    world.later(blow.seconds, lambda: arm.fleet.kill(blow.target))


WORKER_FAULTS: Final = (
    Fault(number=1, name="kill worker", strike=_kill, weight=38),
    Fault(
        number=1,
        name="kill at failpoint",
        strike=_kill_at,
        weight=9,
        variants=(
            "mid_model:0.1",
            "before_claim:0.2",
            "after_claim:0.3",
            "after_commit_before_ack:0.05",
            "before_publish:0.3",
            "mid_drain:1",
        ),
    ),
    Fault(
        number=2,
        name="kill in tool",
        strike=_kill_at,
        weight=9,
        variants=("after_intent:0.3", "after_tool_before_commit:0.1"),
    ),
    Fault(
        number=3,
        name="freeze worker",
        strike=_freeze,
        weight=8,
        variants=("", "mid_model:0.1:stop", "after_intent:0.3:stop", "after_tool_before_commit:0.1:stop"),
    ),
    Fault(number=10, name="clock skew", strike=_skew, weight=3, variants=("600", "-600")),
    Fault(number=15, name="deploy", strike=_leave, weight=5),
    Fault(number=18, name="cancel and crash", strike=_cancel_and_kill, weight=3, seconds=(0.0, 1.0)),
)
