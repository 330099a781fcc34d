"""Faults of the processes around the workers: where runs are accepted, and where they are swept."""

from typing import Final

from tests.chaos.faults.fault import Fault, Struck, World


def _crash(world: World, blow: Struck) -> None:
    """`web` dies at a random moment, or between a run's commit and its message."""
    fleet = world.arm.fleet
    name, _, failpoint = blow.variant.partition(" ")
    if name not in fleet.names:
        return  # the control arm has neither
    if failpoint:
        fleet.prepare(name, {"CEF_FAILPOINT": failpoint})
    fleet.kill(name)


WEB_FAULTS: Final = (
    Fault(
        number=16,
        name="crash before publish",
        strike=_crash,
        weight=3,
        variants=("web", "web before_publish:0.2", "ops"),
    ),
)
