"""One Redis client per process, safe to share between threads, and the prefix every key carries."""

from functools import cache

from django.conf import settings
from redis import BlockingConnectionPool, Redis

_CONNECTIONS = 32
_TIMEOUT_S = 2.0


@cache
def client() -> Redis:
    """The process's client. It answers bytes, or raises redis.RedisError within seconds when Redis is away.

    A blocking pool: a thread waits up to two seconds for a free connection instead of failing at once.
    """
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_S,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        health_check_interval=30,
    )
    return Redis(connection_pool=pool)


def key(name: str) -> str:
    """The name with this installation's prefix."""
    return f"{settings.CEF_REDIS_PREFIX}{name}"
