"""A short piece of the chaos suite: workers are killed and frozen, messages come twice, and every promise holds.

Then promises are broken by hand, and the checker must say so.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.chaos.checker import judge
from tests.chaos.engine_arm import EngineArm
from tests.chaos.ledger import Ledger, read
from tests.chaos.loop import BackgroundLoop
from tests.chaos.options import Options
from tests.chaos.report import Outcome
from tests.chaos.trial import endure

pytestmark = pytest.mark.timeout(400)

SMOKE = Options(seed=3, duration_s=20, workers=2, rate=3, every_s=1.5, only=(1, 2, 3, 11))


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[EngineArm, Outcome]]:
    """The engine after twenty seconds of faults, its servers still up."""
    with ExitStack() as undo:
        background = BackgroundLoop()
        undo.callback(background.stop)
        arm = EngineArm(SMOKE, background)
        undo.callback(arm.stop)
        arm.start()
        yield arm, endure(arm, print)


def test_every_promise_holds(played: tuple[EngineArm, Outcome]) -> None:
    _, outcome = played
    line = outcome.line()
    assert (outcome.broken, line["lost"], line["doubled_unsafe"], line["stuck_workers"]) == ([], 0, 0, 0)
    assert line["kills"] >= 3
    assert line["finished"] == line["accepted"] >= 20


def test_the_checker_sees_what_breaks_a_promise(played: tuple[EngineArm, Outcome]) -> None:
    arm, _ = played
    ledgers, url = arm.stack.ledgers, arm.stack.postgres.owner_url
    _repeat_an_unsafe_call(ledgers)
    Ledger(ledgers / "accepted.jsonl").write(
        kind="accepted", case="never seen", run="01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"
    )
    with psycopg.connect(url) as link:
        link.execute(
            "UPDATE runs_step SET result = '{}' WHERE (run_id, n) IN (SELECT run_id, n FROM runs_step LIMIT 1)"
        )
        link.execute(
            "DELETE FROM runs_event WHERE (run_id, seq) IN (SELECT run_id, seq FROM runs_event WHERE seq = 2 LIMIT 1)"
        )
    found = {finding.check.split(":")[0] for finding in judge("engine", url, ledgers).broken}
    assert {"lost", "unsafe effect doubled", "recorded steps or events that were changed or deleted"} <= found
    assert "events with gaps" in found


def _repeat_an_unsafe_call(ledgers: Path) -> None:
    line = next(line for line in read(ledgers / "server.jsonl") if line["kind"] == "tool" and line["tool"] == "charge")
    with (ledgers / "server.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
