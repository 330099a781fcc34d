"""Redis comes back, again and again, or stays away for minutes."""

from random import Random
from typing import Final

from tests.chaos.report import percentile
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

_RESTARTS: Final = 10
_KILL_EVERY_S: Final = 8.0
_SLOWEST_POST_S: Final = 2.0


def _return(stage: Stage, *, empty: bool) -> None:
    """Restarted under load, by SIGTERM and by SIGKILL, down for up to three seconds; then every worker must consume."""
    stage.begin_load()
    dice, seconds = Random(stage.options.seed), []
    for n in range(stage.options.count or _RESTARTS):
        _restart(stage, n, down_s=dice.uniform(0, 3), empty=empty)
        taken = stage.consumers()
        stage.require(None not in taken.values(), "a worker that no longer consumes", restart=n, seconds=taken)
        seconds += [value for value in taken.values() if value is not None]
    seconds.sort()
    stage.measured |= {"consume_p50_s": percentile(seconds, 0.5), "consume_max_s": percentile(seconds, 1.0)}


def _restart(stage: Stage, n: int, *, down_s: float, empty: bool) -> None:
    stack = stage.arm.stack
    stack.valkey.stop() if n % 2 else stack.valkey.kill()
    if empty:
        stack.forget_redis()
    stage.arm.ledger.write(kind="redis_restart", kept=not empty)
    stage.nemesis.later(down_s, stage.nemesis.start_redis)
    stage.nemesis.wait_for(lambda: stack.valkey.pid is not None, down_s + 30)


def _stay_away(stage: Stage) -> None:
    """No Redis for the whole duration, and workers are killed meanwhile: runs are accepted, done and resumed."""
    stage.begin_load()
    stage.arm.stack.valkey.stop()
    stage.arm.ledger.write(kind="redis_restart", kept=True)
    before, finished = len(stage.load.seconds), stage.load.finished
    for n in range(1, int(stage.options.duration_s // _KILL_EVERY_S)):
        stage.nemesis.later(n * _KILL_EVERY_S, lambda n=n: _kill(stage, n))  # type: ignore[misc]
    stage.nemesis.strike([], stage.options.duration_s)
    posts = sorted(stage.load.seconds[before:])
    stage.measured |= {
        "accepted_without_redis": len(posts),
        "finished_without_redis": stage.load.finished - finished,
        "post_p50_s": percentile(posts, 0.5),
        "post_p99_s": percentile(posts, 0.99),
    }
    stage.require(bool(posts) and posts[-1] < _SLOWEST_POST_S, "a POST that waited for Redis", slowest=posts[-1:])


def _kill(stage: Stage, n: int) -> None:
    stage.arm.fleet.kill(stage.arm.workers[n % len(stage.arm.workers)])


REDIS_SCENARIOS: Final = (
    Scenario(number=4, name="redis restarts", play=lambda stage: _return(stage, empty=False)),
    Scenario(number=5, name="redis restarts empty", play=lambda stage: _return(stage, empty=True)),
    Scenario(number=6, name="redis stays away", play=_stay_away),
)
