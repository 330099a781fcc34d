"""Django's ORM in a few threads of its own, so that no query ever runs on the loop's thread."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from django.db import close_old_connections

THREADS: Final = 4
"""Also how many connections they hold at most."""

P = ParamSpec("P")
T = TypeVar("T")


class OrmThreads:
    """Runs synchronous functions that query; each thread keeps one connection as long as a web request would."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="live-orm")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result, computed in one of the threads with the caller's log fields."""
        work = partial(contextvars.copy_context().run, _connected, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what still runs."""
        self._pool.shutdown()


def _connected(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
