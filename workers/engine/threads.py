"""A few threads for what must not run on the loop: the ORM, and code that blocks."""

import asyncio
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
        self._links: list[BaseDatabaseWrapper] = []
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="cef-database", initializer=self._begin)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's answer, from one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: _fresh(function, *args, **kwargs))

    def close(self, *, wait: bool = True) -> None:
        """End the threads and their connections; what is running is waited for, unless it may hang."""
        self._pool.shutdown(wait=wait, cancel_futures=True)
        for link in self._links if wait else ():
            link.inc_thread_sharing()
            link.close()

    def _begin(self) -> None:
        """In each new thread: Django's connection is the thread's own, and nobody closes it when the thread ends."""
        self._links.append(connections[DEFAULT_DB_ALIAS])


def _fresh(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
