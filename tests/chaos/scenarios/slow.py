"""Readers that hardly read, a monitor that stands still, and a database half a second away."""

import os
import signal
import socket
import threading
import time
from typing import Final
from urllib.parse import urlsplit

from tests.chaos.cases import Case
from tests.chaos.engine_arm import EngineArm
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

_READERS: Final = 20
_KILOBYTES: Final = 150
_BYTES_A_SECOND: Final = 1024
_SLOW_S: Final = 0.25
"""In each direction, for every worker."""
_MOST_GROWTH_MB: Final = 150


def _play(stage: Stage) -> None:
    arm = stage.arm
    assert isinstance(arm, EngineArm)
    arm.stack.start_live()
    monitor = arm.stack.spawn("monitor", "celery", "-A", "config", "events", "--dump")
    stage.begin_load()
    os.kill(monitor.pid, signal.SIGSTOP)
    for name in arm.workers:
        arm.stack.links[name].postgres.delay(_SLOW_S)
    before, finished = _memory(stage), stage.load.finished
    for n in range(_READERS):
        run = stage.submit(Case(id=f"long-{n}", turns=(), agent="streaming", kilobytes=_KILOBYTES))
        threading.Thread(target=_read, args=(arm, run), daemon=True).start()
    stage.nemesis.strike([], stage.options.duration_s)
    grown = {name: round(after - before[name], 1) for name, after in _memory(stage).items()}
    stage.measured |= {"memory_grown_mb": grown, "finished_meanwhile": stage.load.finished - finished}
    stage.require(stage.load.finished > finished, "runs that stand still because the database is slow")
    stage.require(max(grown.values()) < _MOST_GROWTH_MB, "a process that keeps what nobody reads", grown=grown)
    arm.stack.kill("monitor")


def _memory(stage: Stage) -> dict[str, float]:
    return {name: stage.arm.stack.memory_mb(name) for name in ("live", "web", "ops", *stage.arm.workers)}


def _read(arm: EngineArm, run: str) -> None:
    """A reader of events, as slow as a bad line."""
    address = urlsplit(arm.stack.live_url)
    request = f"GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {arm.key}\r\n\r\n"
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.hostname, address.port))
        line.sendall(request.encode())
        while line.recv(_BYTES_A_SECOND):
            time.sleep(1)


SLOW_SCENARIO: Final = Scenario(number=12, name="slow consumers", play=_play)
