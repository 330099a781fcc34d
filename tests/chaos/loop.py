"""One asyncio loop in a thread of its own, for the proxies and the clients of the suite."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for threads that block."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self.loop.run_forever, name="chaos-loop", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T], within_s: float | None = 30) -> T:
        """The coroutine's answer."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within_s)

    def start(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Let it run; nobody waits for it, but its failure ends the suite."""
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).add_done_callback(self._note)

    def check(self) -> None:
        """Raise what a started coroutine has failed with."""
        if self._failures:
            raise self._failures[0]

    def stop(self) -> None:
        """End the thread and what still runs on it."""
        self.call(_end_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _note(self, future: "Future[object]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._failures.append(error)


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
