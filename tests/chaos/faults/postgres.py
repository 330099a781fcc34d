"""Faults of the database: restarted in every way, a connection's process killed, cut off from one worker, slow."""

import signal
from typing import Final

import psutil

from tests.chaos.faults.fault import Fault, Struck, World
from tests.chaos.proxy import Way

_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
_SLOW_S: Final = 0.25
"""In each direction."""


def _restart(world: World, blow: Struck) -> None:
    stack = world.arm.stack
    if blow.variant == "backend":
        _kill_backend(world)
        return
    if stack.postgres.pid is None:
        return
    stack.quit_postgres(_SIGNALS[blow.variant])
    world.arm.ledger.write(kind="postgres_restart", how=blow.variant)
    world.later(blow.seconds, world.start_postgres)


def _kill_backend(world: World) -> None:
    """One connection's process: PostgreSQL then restarts all of them."""
    pid = world.arm.stack.postgres.pid
    backends = [] if pid is None else [child for child in psutil.Process(pid).children() if _is_backend(child)]
    if backends:
        backends[-1].kill()
        world.arm.ledger.write(kind="postgres_restart", how="backend")


def _is_backend(process: psutil.Process) -> bool:
    try:
        return "127.0.0.1" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _cut(world: World, blow: Struck) -> None:
    link = world.arm.stack.links[blow.target].postgres
    link.hold(Way(blow.variant))
    world.later(2 * world.arm.options.lease_s, link.heal)


def _slow(world: World, blow: Struck) -> None:
    link = world.arm.stack.links[blow.target].postgres
    link.delay(_SLOW_S)
    world.later(blow.seconds, link.heal)


POSTGRES_FAULTS: Final = (
    Fault(
        number=7,
        name="postgres restart",
        strike=_restart,
        weight=4,
        variants=("fast", "immediate", "kill", "backend"),
        seconds=(0.0, 1.0),
    ),
    Fault(number=8, name="postgres cut off", strike=_cut, weight=3, variants=("both", "up", "down")),
    Fault(number=12, name="postgres slow", strike=_slow, weight=2, seconds=(5.0, 10.0)),
)
