"""Wait until a server answers, with a deadline and a clear message."""

import time
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.local.exceptions import NotReady

_PAUSE_S = 0.02


def await_answer(
    ask: Callable[[], str | None], seconds: float, *, what: str, alive: Callable[[], bool] = lambda: True
) -> None:
    """Call `ask` until it returns None (ready); raises NotReady with its last complaint.

    `alive` ends the wait early when the server's process is gone.
    """
    deadline = time.monotonic() + seconds
    while (complaint := ask()) is not None:
        if not alive():
            raise NotReady(f"{what} ended: {complaint}")
        if time.monotonic() > deadline:
            raise NotReady(f"{what} did not answer within {seconds:g} s: {complaint}")
        time.sleep(_PAUSE_S)


def await_postgres(url: str, seconds: float, *, alive: Callable[[], bool] = lambda: True) -> None:
    """Until PostgreSQL lets the URL's role in; raises NotReady."""
    await_answer(lambda: postgres_complaint(url), seconds, what=f"PostgreSQL at {place(url)}", alive=alive)


def await_redis(url: str, seconds: float, *, alive: Callable[[], bool] = lambda: True) -> None:
    """Until Valkey or Redis answers a ping; raises NotReady."""
    await_answer(lambda: redis_complaint(url), seconds, what=f"Valkey at {place(url)}", alive=alive)


def await_http(url: str, seconds: float) -> None:
    """Until the address answers without an error; raises NotReady."""
    await_answer(lambda: http_complaint(url), seconds, what=url)


def postgres_complaint(url: str) -> str | None:
    """Why PostgreSQL cannot be used with this URL, or None."""
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error as error:
        return str(error).strip()
    return None


def redis_complaint(url: str) -> str | None:
    """Why Valkey or Redis cannot be used with this URL, or None."""
    client = redis_client(url)
    try:
        client.ping()
    except redis.RedisError as error:
        return str(error)
    finally:
        client.close()
    return None


def redis_client(url: str) -> redis.Redis:
    """One that gives up at once: whoever waits asks again by itself."""
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3, retry=once, decode_responses=True)


def http_complaint(url: str) -> str | None:
    """Why the address cannot be used, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own http:// addresses
            return None
    except OSError as error:
        return str(error)


def place(url: str) -> str:
    """Host and port of a URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"
