"""Submits runs to our REST API and follows the redirect to `live`, which tells their end."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.peers.arms.serving import serve
from benchmarks.peers.load import ANSWER, Run

_MODE = os.environ["PEER_MODE"]


@asynccontextmanager
async def _opened() -> AsyncIterator[Run]:
    keys = {float(latency_s): key for latency_s, key in json.loads(os.environ["PEER_KEYS"]).items()}
    read = {"wait": _read_run, "stream": _read_stream}[_MODE]
    body = {"agent": "scripted", "input": "go", "mode": _MODE}
    runs = f"{os.environ['PEER_URL']}/api/v1/runs"
    async with aiohttp.ClientSession(raise_for_status=True, connector=aiohttp.TCPConnector(limit=0)) as http:

        async def run(latency_s: float) -> str:
            headers = {"Authorization": f"Bearer {keys[latency_s]}"}
            async with http.post(runs, json=body, headers=headers) as answer:
                return await read(answer)

        yield run


async def _read_run(answer: aiohttp.ClientResponse) -> str:
    run = await answer.json()
    return f"{run['status']}: {run['output']}"


async def _read_stream(answer: aiohttp.ClientResponse) -> str:
    """Read to the end. Pieces of text that were spoken before this client listened are kept nowhere, so only the end
    tells that the run went well."""
    last = b""
    async for line in answer.content:
        last = line.strip() or last
    if last != b'data: {"status":"succeeded"}':
        raise RuntimeError(f"The stream ended with {last.decode()}")
    return ANSWER


if __name__ == "__main__":
    serve(_opened)
