"""What lives as long as the `live` process: connections, the tails it follows, and everybody who reads."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from workers.live.orm import OrmThreads
from workers.live.store import Store
from workers.live.topics import Topics
from workers.live.wakeups import RedisTail, look_for_events

logger = logging.getLogger(__name__)


class LiveProcess:
    """Made and started on the loop that serves; neither PostgreSQL nor Redis need be there yet."""

    def __init__(self) -> None:
        self.store = Store()
        self.topics = Topics(self.store)
        self.tail = RedisTail(self.topics)
        self.orm = OrmThreads()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Follow the news from now on, before the first reader comes."""
        await self.store.open()
        self._tasks = [self._spawn(self.tail.run()), self._spawn(look_for_events(self.store, self.topics))]

    async def stop(self) -> None:
        """Let the readers go and give everything back."""
        self.topics.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.tail.close()
        await self.store.close()
        self.orm.close()

    @property
    def follows(self) -> bool:
        """Whether news is still looked for; if not, a defect ended that, and the process should be restarted."""
        return all(not task.done() for task in self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(_tell_of_defect)
        return task


def _tell_of_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical("A task that follows the news has died.", exc_info=task.exception())
