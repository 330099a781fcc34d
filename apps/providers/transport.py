"""HTTP to providers: no environment, explicit limits, and a second look at the address of every connection.

Checking when a row is saved is not enough, since a name may resolve elsewhere later. Here the name is resolved once for
each connection, every address is judged, and the connection goes to an address that was judged.
"""

import asyncio
import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpcore2
import httpx2
from django.conf import settings

from apps.core.addresses import resolve
from apps.core.exceptions import InvalidInput
from apps.providers.addresses import Allowed, refuse_denied

_CONNECTIONS: Final = 1000
_IDLE_CONNECTIONS: Final = 100
_CONNECT_TIMEOUT_S: Final = 5.0


def http_client(*, allowed: Allowed, timeout_s: float) -> httpx2.AsyncClient:
    """A client whose reads may take `timeout_s`, and that connects to allowed addresses only.

    With CEF_EGRESS_PROXY set all goes through that proxy, which then resolves names and has to judge them itself.
    """
    return httpx2.AsyncClient(
        transport=PerLoopTransport(allowed),
        timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s)),
        trust_env=False,
    )


class PerLoopTransport(httpx2.AsyncBaseTransport):
    """One connection pool for each event loop, because a connection belongs to the loop that opened it."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncBaseTransport] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        loop = asyncio.get_running_loop()
        transport = self._by_loop.get(loop)
        if transport is None:
            transport = self._by_loop[loop] = _transport(self._allowed)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        transport = self._by_loop.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport over a pool that judges addresses; the base class cannot be told which pool to use."""

    def __init__(self, allowed: Allowed) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(allowed),
        )


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to judged addresses; TLS still checks the name."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await _resolved(host)
        refuse_denied(host, addresses, self._allowed)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(str(addresses[-1]), port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _resolved(host: str) -> Any:
    try:
        return await asyncio.to_thread(resolve, host)
    except InvalidInput as error:
        raise httpcore2.ConnectError(error.message) from error


def _transport(allowed: Allowed) -> httpx2.AsyncBaseTransport:
    if not settings.CEF_EGRESS_PROXY:
        return GuardedTransport(allowed)
    limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_IDLE_CONNECTIONS)
    return httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=limits, proxy=settings.CEF_EGRESS_PROXY)


@cache
def _tls() -> ssl.SSLContext:
    """One TLS context for all: building one reads every root certificate."""
    return httpx2.create_ssl_context(trust_env=False)
