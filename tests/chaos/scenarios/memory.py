"""A document that needs more memory than a batch worker has: it is given up, and others are not."""

import resource
from contextlib import suppress
from typing import Final

import psutil

from tests.chaos.engine_arm import EngineArm
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

_ROOM: Final = 32_000_000
"""Bytes that a child of the batch worker may allocate beyond what it has."""
_HUGE: Final = 4_000_000
_MOST_ATTEMPTS: Final = 3
_PATIENCE_S: Final = 300.0

_ITEMS: Final = """
SELECT document.name, item.state, item.attempts, item.reason FROM contexts_ingestitem AS item
JOIN contexts_document AS document ON document.id = item.document_id ORDER BY 1"""


def _play(stage: Stage) -> None:
    arm = stage.arm
    assert isinstance(arm, EngineArm)
    arm.fleet.add("batch", lambda name, _: arm.stack.start_batch(name))
    context = arm.background.call(arm.ask("POST", "/api/v1/contexts", {"path": "library"}))
    assert context is not None
    # The children load what they work with before they are limited.
    arm.background.call(_ingest(arm, context["id"], _small(range(20))), within_s=60)
    stage.nemesis.wait_for(lambda: _all_over(stage), _PATIENCE_S, every_s=0.2)
    limit = max(child.memory_info().vms for child in _children(stage)) + _ROOM
    _limited(stage, limit)
    texts = {"huge": "All words. " * (_HUGE // 11)} | _small(range(20, 30))
    arm.background.call(_ingest(arm, context["id"], texts), within_s=60)
    stage.nemesis.wait_for(lambda: _limited(stage, limit) and _all_over(stage), _PATIENCE_S, every_s=0.1)
    items = {str(row[0]): row[1:] for row in arm.query(_ITEMS)}
    small = [row for name, row in items.items() if name.startswith("small")]
    stage.measured |= {"huge": list(items["huge"]), "small_done": sum(row[0] == "done" for row in small)}
    stage.require(all(row[0] == "done" for row in small), "a small document that suffered", items=items)
    state, attempts, _ = items["huge"]
    stage.require(state == "failed" and int(str(attempts)) <= _MOST_ATTEMPTS, "an endless document", items=items)


def _small(numbers: range) -> dict[str, str]:
    return {f"small-{n}": f"The fox number {n} is quick." for n in numbers}


async def _ingest(arm: EngineArm, context: str, texts: dict[str, str]) -> None:
    """Each document in a job of its own."""
    for name, text in texts.items():
        document = {"name": name, "media_type": "text/plain", "text": text}
        await arm.ask("POST", "/api/v1/ingest-jobs", {"context_id": context, "documents": [document]})


def _limited(stage: Stage, limit: int) -> bool:
    """Give every child of the batch worker its limit, also those that replace dead ones.

    Celery ends the whole worker when a child reports a MemoryError; the fleet starts it again.
    """
    for child in _children(stage):
        with suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, limit))
    return True


def _children(stage: Stage) -> list[psutil.Process]:
    pid = stage.arm.fleet.pid("batch")
    try:
        return [] if pid is None else psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def _all_over(stage: Stage) -> bool:
    items = stage.arm.query(_ITEMS)
    return bool(items) and all(row[1] in {"done", "failed", "skipped"} for row in items)


MEMORY_SCENARIO: Final = Scenario(number=17, name="no memory", play=_play)
