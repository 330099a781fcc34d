"""Closed-loop load: so many clients, each starts its next run when its last one has finished."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Run: TypeAlias = Callable[[float], Awaitable[str]]
"""Does one run whose model takes so many seconds a call, and gives its answer."""

ANSWER = "42"


@dataclass(frozen=True)
class Load:
    """How many runs by how many clients at once; each of a run's two model calls takes the latency."""

    clients: int
    runs: int
    model_latency_s: float


@dataclass(frozen=True)
class Measured:
    """Seconds of each run from its submission to its answer, in ascending order, and of all together."""

    latencies_s: list[float]
    elapsed_s: float


async def drive(run: Run, load: Load) -> Measured:
    """Let the clients work until all runs are done; raises RuntimeError at the first wrong answer."""
    latencies: list[float] = []
    left = iter(range(load.runs))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(load.clients):
            group.create_task(_client(run, load.model_latency_s, left, latencies))
    return Measured(sorted(latencies), time.perf_counter() - started)


async def _client(run: Run, latency_s: float, left: Iterator[int], latencies: list[float]) -> None:
    for _ in left:
        started = time.perf_counter()
        answer = await run(latency_s)
        latencies.append(time.perf_counter() - started)
        if ANSWER not in answer:
            raise RuntimeError(f"A wrong answer: {answer}")
