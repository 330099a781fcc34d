"""Sends the task that does nothing and waits for its result, each client in a thread."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from benchmarks.peers.arms.celery_app import nothing
from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import Run

_THREADS = 64


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_THREADS) as pool:

        async def run(_: float) -> str:
            return await loop.run_in_executor(pool, _send_and_wait)

        yield run


def _send_and_wait() -> str:
    return str(nothing.delay().get(timeout=60))


if __name__ == "__main__":
    serve(_opened)
