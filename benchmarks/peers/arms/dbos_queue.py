"""pydantic-ai on DBOS: each run is enqueued on a DBOS queue and taken from it by the same process.
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

POLL_S = float(os.environ.get("POLL_S", "0.05"))
QPOLL_S = float(os.environ.get("QPOLL_S", "0.05"))
STEP = os.environ.get("STEP", "1") == "1"

_agent = Agent(MODEL, name="scripted", tools=[DBOS.step()(calculator) if STEP else calculator], capabilities=[DBOSDurability()])


@DBOS.workflow()
async def answer(prompt: str) -> str:
    """One durable run."""
    return (await _agent.run(prompt)).output


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    DBOS(config={"name": "peer", "system_database_url": os.environ["PEER_DATABASE_URL"], "log_level": "WARNING", "sys_db_pool_size": int(os.environ.get("POOL", "20"))})
    DBOS.launch()
    queue = await DBOS.register_queue_async("runs", polling_interval_sec=QPOLL_S)

    async def run(latency_s: float) -> str:
        handle = await queue.enqueue_async(answer, str(latency_s))
        return await handle.get_result(polling_interval_sec=POLL_S)

    yield run
    DBOS.destroy()


if __name__ == "__main__":
    serve(_opened)
