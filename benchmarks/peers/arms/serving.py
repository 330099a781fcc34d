"""An arm's process: opens the arm, then answers each load that comes by standard input with what it measured."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

import uvloop

from benchmarks.peers.load import Load, Run, drive


def serve(opened: Callable[[], AbstractAsyncContextManager[Run]]) -> None:
    """Until standard input ends. One JSON object a line: `{}` when ready, then a `Measured` for each `Load`."""
    uvloop.run(_serve(opened))


async def _serve(opened: Callable[[], AbstractAsyncContextManager[Run]]) -> None:
    async with opened() as run:
        _say("{}")
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(json.dumps(asdict(await drive(run, Load(**json.loads(line))))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
