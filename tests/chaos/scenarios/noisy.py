"""One workspace with ten thousand queued runs, and another with ten."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from tests.chaos.arm import Arm
from tests.chaos.cases import Case
from tests.chaos.engine_arm import EngineArm
from tests.chaos.report import percentile
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

_SLOTS: Final = 5
"""Of each worker: few enough that every run waits for one."""
_BATCHES: Final = 10
_BATCH: Final = 1000
_QUIET: Final = 10
_TURNS: Final = (("look_up",),)

_WAITS: Final = """
SELECT extract(epoch FROM started_at - queued_at)::float8 FROM runs_run
WHERE metadata ->> 'case' LIKE 'quiet-%%' ORDER BY 1"""
_TURNOVER: Final = """
SELECT extract(epoch FROM finished_at - started_at)::float8 FROM runs_run
WHERE metadata ->> 'case' LIKE 'noisy-%%' AND status = 'succeeded' ORDER BY 1"""
_LEFT: Final = "SELECT id FROM runs_run WHERE metadata ->> 'case' LIKE 'noisy-%%' AND status = 'queued'"


@contextmanager
def _few_slots(arm: Arm) -> Iterator[None]:
    if isinstance(arm, EngineArm):
        arm.slots = _SLOTS
    yield


def _play(stage: Stage) -> None:
    arm = stage.arm
    assert isinstance(arm, EngineArm)
    noisy = arm.client_of("noisy")
    for batch in range(_BATCHES):
        arm.background.call(_post(noisy, batch), within_s=120)
    stage.say(f"{len(arm.query(_LEFT))} runs are queued in the noisy workspace")
    for n in range(_QUIET):
        stage.submit(Case(id=f"quiet-{n}", turns=_TURNS))
    stage.nemesis.wait_for(lambda: not stage.load.open, stage.options.duration_s, every_s=0.5)
    waits, turnover = ([float(str(row[0])) for row in arm.query(sql)] for sql in (_WAITS, _TURNOVER))
    stage.measured |= {
        "noisy_still_queued": len(arm.query(_LEFT)),
        "quiet_wait_p50_s": percentile(waits, 0.5),
        "quiet_wait_max_s": percentile(waits, 1.0),
        "slot_turn_p50_s": percentile(turnover, 0.5),
        "slot_turn_max_s": percentile(turnover, 1.0),
    }
    stage.require(len(waits) == _QUIET and waits[-1] <= turnover[-1], "a quiet workspace that waited for a noisy one")
    arm.background.call(_cancel(noisy), within_s=300)


async def _post(http: httpx.AsyncClient, batch: int) -> None:
    cases = [Case(id=f"noisy-{batch}-{n}", turns=_TURNS) for n in range(_BATCH)]
    inputs = [{"input": case.text, "metadata": {"case": case.id}} for case in cases]
    answer = await http.post("/api/v1/runs/batch", json={"agent": "plain", "inputs": inputs}, timeout=120)
    answer.raise_for_status()


async def _cancel(http: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"filter": {"status": "queued"}, "maximum": _BATCH}
    while True:
        answer = await http.post("/api/v1/runs/cancel", json=body, timeout=120)
        answer.raise_for_status()
        if not answer.json()["remaining"]:
            return
        await asyncio.sleep(0)


NOISY_SCENARIO: Final = Scenario(number=19, name="noisy neighbour", world=_few_slots, play=_play)
