"""pydantic-ai on DBOS: each run is a workflow that is put on a DBOS queue and taken from it by an application process.

Set up as both projects advise: `DBOSDurability` makes each model call a step, and the tool is decorated as one, so that
all three are recorded, as in the other durable arms. Queue and results are polled; of the intervals between 20 ms and
DBOS's own second, the ones below gave the most runs a second with 16 clients. The pool is larger than DBOS's 20.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability

from benchmarks.peers.arms.scripted import MODEL, calculator
from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import Run

_QUEUE_POLL_S = 0.05
_RESULT_POLL_S = 0.1

_agent = Agent(MODEL, name="scripted", tools=[DBOS.step()(calculator)], capabilities=[DBOSDurability()])


@DBOS.workflow()
async def answer(prompt: str) -> str:
    """One durable run."""
    return (await _agent.run(prompt)).output


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    DBOS(
        config={
            "name": "peer",
            "system_database_url": os.environ["PEER_DATABASE_URL"],
            "executor_id": str(os.getpid()),
            "sys_db_pool_size": 50,
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    queue = await DBOS.register_queue_async("runs", polling_interval_sec=_QUEUE_POLL_S)

    async def run(latency_s: float) -> str:
        handle = await queue.enqueue_async(answer, str(latency_s))
        return await handle.get_result(polling_interval_sec=_RESULT_POLL_S)

    yield run
    DBOS.destroy()


if __name__ == "__main__":
    serve(_opened)
