"""The client: hands in cases at a steady rate and has each accepted id on disk before it goes on."""

import asyncio
import time
from collections import deque

import psycopg

from tests.chaos.arm import Arm
from tests.chaos.cases import Case, case

_THREADS = 6
_LOOK_S = 0.7


class Load:
    """Runs on the background loop.

    `open` are accepted cases that are not over, by their run's id; `seconds` is how long each submission took.
    """

    def __init__(self, arm: Arm) -> None:
        self._arm, self._options = arm, arm.options
        self.open: dict[str, str | None] = {}
        self.finished = 0
        self.seconds: list[float] = []
        self._threads: deque[str] = deque()
        self._going = True
        self._asking = 0

    async def run(self) -> None:
        """Submit until stopped."""
        await self._make_threads()
        number = 0
        while self._going:
            await asyncio.sleep(1 / self._options.rate)
            if len(self.open) + self._asking < self._options.outstanding:
                number += 1
                asyncio.create_task(self._one(case(self._options.seed, number)))  # noqa: RUF006

    async def watch(self) -> None:
        """Take what is over off the open ones, for ever."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                done = await asyncio.to_thread(self._arm.done, list(self.open))
            except psycopg.OperationalError:
                continue
            self.finished += len(done)
            self._threads.extend(thread for run in done if (thread := self.open.pop(run, None)) is not None)

    def stop(self) -> None:
        """Submit nothing more."""
        self._going = False

    @property
    def asking(self) -> int:
        """Submissions whose answer is not there yet."""
        return self._asking

    async def _make_threads(self) -> None:
        found = [await self._arm.new_thread() for _ in range(_THREADS)]
        self._threads.extend(thread for thread in found if thread is not None)

    async def submit(self, wanted: Case) -> str | None:
        """Hand in a case, and have its accepted id on the disk; None when it was not accepted."""
        thread = self._threads.popleft() if wanted.in_thread and self._threads else None
        self._asking += 1
        try:
            asked = time.monotonic()
            run = await self._arm.submit(wanted, thread)
            self.seconds.append(time.monotonic() - asked)
            if run is None:
                self._threads.extend([thread] if thread else [])
                return None
            self._arm.accepted.write(kind="accepted", case=wanted.id, run=run, durable=True)
            self.open[run] = thread
        finally:
            self._asking -= 1
        return run

    async def _one(self, wanted: Case) -> None:
        run = await self.submit(wanted)
        if run is not None and wanted.cancel_after_s is not None:
            await asyncio.sleep(wanted.cancel_after_s)
            await self._arm.cancel(run)
