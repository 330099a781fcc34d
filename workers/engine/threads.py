"""A few threads for what must not run on the loop: the ORM, and code that blocks."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """A bounded pool; each thread keeps one Django connection for as long as settings say."""

    def __init__(self, size: int) -> None:
        self._links: dict[threading.Thread, BaseDatabaseWrapper] = {}
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="cef-database", initializer=self._begin)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's answer, from one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: _fresh(function, *args, **kwargs))

    def close(self, *, patience: float | None = None) -> None:
        """End the threads and their connections. One that is busy gets `patience` seconds, or all it needs; after that
        it is left to end with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for thread, link in self._links.items():
            thread.join(patience)
            if not thread.is_alive():
                link.inc_thread_sharing()
                link.close()

    def _begin(self) -> None:
        """In each new thread: Django's connection is the thread's own, and nobody closes it when the thread ends."""
        self._links[threading.current_thread()] = connections[DEFAULT_DB_ALIAS]


def _fresh(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
