"""Submits background runs to the replicas of an AgentOS in turn and reads each one's stream to its end.

Its API also answers 202 and lets clients ask. That was slower whatever the interval: 18 runs/s against 23 with 16
clients, and asking often enough for quick runs nearly halved the rate of 50 clients.
"""

import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import Run


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    replicas = itertools.cycle(os.environ["PEER_URLS"].split())
    async with aiohttp.ClientSession(raise_for_status=True, connector=aiohttp.TCPConnector(limit=0)) as http:

        async def run(latency_s: float) -> str:
            form = {"message": str(latency_s), "background": "true", "stream": "true"}
            async with http.post(f"{next(replicas)}/agents/scripted/runs", data=form) as answer:
                last = await _last(answer)
            return f"{last['event']}: {last.get('content')}"

        yield run


async def _last(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The last event of the stream."""
    last = b"data: {}"
    async for line in answer.content:
        if line.startswith(b"data: "):
            last = line
    event: dict[str, Any] = json.loads(last.removeprefix(b"data: "))
    if event["event"] != "RunCompleted":
        raise RuntimeError(f"The stream ended with {last.decode()}")
    return event


if __name__ == "__main__":
    serve(_opened)
