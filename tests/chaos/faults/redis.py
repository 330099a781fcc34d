"""Faults of the broker: restarted with and without its data, cut off, its messages doubled."""

from typing import Final

import psycopg
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from tests.chaos.faults.fault import Fault, Struck, World
from tests.chaos.proxy import Way

_STORM: Final = 5
_STORM_PAUSE_S: Final = 0.3


def _restart(world: World, blow: Struck) -> None:
    server = world.arm.stack.valkey
    server.stop() if blow.variant == "term" else server.kill()
    world.arm.ledger.write(kind="redis_restart", kept=True)
    world.later(blow.seconds, world.start_redis)


def _lose(world: World, blow: Struck) -> None:
    stack = world.arm.stack
    if blow.variant == "flushall":
        _flush(world)
        return
    stack.valkey.kill()
    stack.forget_redis()
    world.arm.ledger.write(kind="redis_restart", kept=False)
    world.later(blow.seconds, world.start_redis)


def _flush(world: World) -> None:
    try:
        world.arm.board.client().flushall()
    except RedisError:
        return  # it is away just now, and loses nothing
    world.arm.ledger.write(kind="redis_flushed")


def _cut(world: World, blow: Struck) -> None:
    link = world.arm.stack.links[blow.target].redis
    if blow.variant != "resets":
        link.hold(Way(blow.variant))
        world.later(blow.seconds, link.heal)
        return
    for n in range(_STORM):
        world.later(n * _STORM_PAUSE_S, lambda: [links.redis.reset() for links in world.arm.stack.links.values()])


def _duplicate(world: World, blow: Struck) -> None:
    try:
        copies = world.arm.duplicate(int(blow.variant))
    except (RedisError, KombuError, psycopg.OperationalError):
        return  # nothing can be doubled just now
    world.arm.ledger.write(kind="duplicated", copies=copies)


REDIS_FAULTS: Final = (
    Fault(number=4, name="redis restart", strike=_restart, weight=7, variants=("term", "kill"), seconds=(0.0, 2.5)),
    Fault(
        number=5, name="redis loses data", strike=_lose, weight=4, variants=("wiped", "flushall"), seconds=(0.0, 2.5)
    ),
    Fault(
        number=9,
        name="redis cut off",
        strike=_cut,
        weight=4,
        variants=("both", "up", "down", "resets"),
        seconds=(2.0, 8.0),
    ),
    Fault(number=11, name="duplicates", strike=_duplicate, weight=3, variants=("1", "3", "5")),
)
