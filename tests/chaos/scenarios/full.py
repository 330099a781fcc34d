"""The disks of PostgreSQL and Redis run full, and are freed again. Needs root, for a small file system of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.arm import Arm
from tests.chaos.scenarios.scenario import Scenario, Unplayable
from tests.chaos.stage import Stage

_SIZE: Final = "320m"
_FULL_S: Final = 15.0
_SPARE: Final = 200_000


@contextmanager
def _small_disk(arm: Arm) -> Iterator[None]:
    """PostgreSQL's folder on a file system of a few hundred megabytes."""
    folder = arm.stack.folder / "postgres"
    folder.mkdir(mode=0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        raise Unplayable(f"No small file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _play(stage: Stage) -> None:
    stage.begin_load()
    filler = stage.arm.stack.folder / "postgres" / "filler"
    _fill(filler)
    accepted, refused = len(stage.load.seconds), stage.refusals()
    stage.nemesis.strike([], _FULL_S)
    stage.measured |= {
        "postgres_full_accepted": len(stage.load.seconds) - accepted,
        "postgres_full_refused": stage.refusals() - refused,
        "postgres_died": stage.arm.stack.postgres.pid is None,
    }
    filler.unlink()
    stage.nemesis.start_postgres()
    stage.nemesis.strike([], _FULL_S)
    _fill_redis(stage)


def _fill(filler: Path) -> None:
    """Leave a last page or two."""
    room = os.statvfs(filler.parent)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - _SPARE)


def _fill_redis(stage: Stage) -> None:
    """Redis takes no more writes; runs are accepted and done without a doorbell."""
    client = stage.arm.board.client()
    client.config_set("maxmemory", 1)
    accepted, finished = len(stage.load.seconds), stage.load.finished
    stage.nemesis.strike([], _FULL_S)
    stage.measured |= {
        "redis_full_accepted": len(stage.load.seconds) - accepted,
        "redis_full_finished": stage.load.finished - finished,
    }
    stage.require(stage.load.finished > finished, "runs that stand still because Redis is full")
    client.config_set("maxmemory", 0)


FULL_SCENARIO: Final = Scenario(number=14, name="disk full", play=_play, world=_small_disk)
