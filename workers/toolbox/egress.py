"""Outgoing HTTP on a model's word: only to the public internet, only so much, only so long.

The guard resolves a host once, refuses it when any of its addresses is not public, and connects to the address it
checked (the name stays in the Host header and in TLS), so that a second DNS answer changes nothing. Redirects are
followed by hand, each hop through the same guard. Environment proxies and cookies play no part.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import Any, Final

import httpx

from apps.core.addresses import IPAddress, is_internal, is_public, resolve
from apps.core.exceptions import InvalidInput
from apps.tools.exceptions import ToolFailed

HEADERS: Final = {"User-Agent": "cef-http/1.0", "Accept": "text/*, */*;q=0.5", "Accept-Encoding": "gzip"}
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# Lookups block; a few threads of their own keep a slow name server from holding anything else up.
_lookups = ThreadPoolExecutor(8, thread_name_prefix="lookup")


@cache
def public_tls() -> SSLContext:
    """Trusts the public certificate authorities; loading them takes about 10 ms, so one context serves all."""
    return httpx.create_ssl_context(trust_env=False)


class EgressDenied(ToolFailed):
    """The address may not be fetched."""

    code = "egress_denied"


class FetchFailed(ToolFailed):
    """The address could not be fetched."""

    code = "fetch_failed"


class AnswerLost(ToolFailed):
    """The request was sent, and no answer came: it may have had its effect."""

    code = "answer_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """What may be fetched. An empty `hosts` allows every public host. Times in seconds, sizes in decompressed bytes.

    `private` names hosts of the operator's own network, each with or without a port, that may be reached as well.
    """

    ports: frozenset[int] = frozenset(_DEFAULT_PORTS.values())
    hosts: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    content_types: tuple[str, ...] = ("text/", "application/json", "application/xml", "+json", "+xml")
    max_bytes: int = 2 * 1024 * 1024
    max_redirects: int = 5
    connect_s: float = 3.0
    total_s: float = 15.0
    permits: Callable[[IPAddress], bool] = is_public
    resolve: Callable[[str], list[IPAddress]] = resolve
    tls: Callable[[], SSLContext] = public_tls

    def is_private(self, host: str, port: int) -> bool:
        """Whether the operator lets tools reach this host of the own network at this port."""
        return f"{host}:{port}" in self.private or (host in self.private and port in self.ports)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response, read to its end: where it came from after redirects, its status, type and decompressed bytes."""

    url: str
    status: int
    content_type: str
    charset: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request that changes something, and whether its body was cut."""

    status: int
    content_type: str
    body: bytes
    truncated: bool
    retry_after_s: float | None = None


class GuardedTransport(httpx.AsyncBaseTransport):
    """Checks each request's address against the policy and pins the connection to what was checked.

    Connections are not reused: one that TLS verified for a host must not serve another host at the same address.
    """

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=policy.tls(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a checked address. Raises EgressDenied or FetchFailed."""
        host = check_url(request.url, self._policy)
        address = await checked_address(host, _port(request.url), self._policy)
        pinned = httpx.Request(
            method=request.method,
            url=request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._inner.aclose()


def check_url(url: httpx.URL, policy: EgressPolicy) -> str:
    """The host in ASCII, when nothing about the address needs refusing before a lookup. Raises EgressDenied."""
    if url.scheme not in _DEFAULT_PORTS:
        raise EgressDenied("Only http and https addresses can be fetched.")
    if url.userinfo:
        raise EgressDenied("An address must not carry a user name or password.")
    host = url.raw_host.decode("ascii")
    if not host:
        raise EgressDenied("The address names no host.")
    name = host.lower().rstrip(".")
    if _port(url) not in policy.ports and not policy.is_private(name, _port(url)):
        raise EgressDenied(f"Port {url.port} is not open to tools.")
    if policy.hosts and name not in policy.hosts:
        raise EgressDenied(f"The host {host} is not among those this agent may fetch from.")
    return host


async def checked_address(host: str, port: int, policy: EgressPolicy) -> IPAddress:
    """The first address of the host, if the policy permits all of them. Raises EgressDenied."""
    private = policy.is_private(host.lower().rstrip("."), port)
    try:
        addresses = await asyncio.get_running_loop().run_in_executor(_lookups, policy.resolve, host)
    except InvalidInput as error:
        raise FetchFailed(error.message, code=error.code, retryable=True) from None
    if not addresses or not all(policy.permits(address) or (private and is_internal(address)) for address in addresses):
        raise EgressDenied(f"The host {host} is not on the public internet.")
    return addresses[0]


async def send(request: httpx.Request, policy: EgressPolicy) -> Answered:
    """The answer to a request that may change something; redirects are not followed, long bodies are cut.

    Raises EgressDenied or FetchFailed when nothing was sent, and AnswerLost, whose outcome is unknown, afterwards.
    """
    watch = _SendWatch()
    timeout = httpx.Timeout(policy.total_s, connect=policy.connect_s).as_dict()
    request.headers.update({"User-Agent": HEADERS["User-Agent"], "Accept-Encoding": "identity"})
    request.extensions = request.extensions | {"timeout": timeout, "trace": watch}
    try:
        async with GuardedTransport(policy) as transport:
            async with asyncio.timeout(policy.total_s) as limit:
                response = await transport.handle_async_request(request)
            return await _answered(response, policy, limit.when())
    except (TimeoutError, httpx.HTTPError) as error:
        reason = type(error).__name__
        if watch.sent:
            raise AnswerLost(f"The request was sent and no answer came: {reason}.", outcome_unknown=True) from error
        raise FetchFailed(f"The server could not be reached: {reason}.", retryable=True) from error


class _SendWatch:
    """Hears from the connection when the first byte of a request is about to leave."""

    def __init__(self) -> None:
        self.sent = False

    async def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        self.sent |= event.endswith("send_request_headers.started")


async def _answered(response: httpx.Response, policy: EgressPolicy, until: float | None) -> Answered:
    """What came by then, as far as it came: the answer is there, whatever happens to the rest of its body."""
    body, cut = bytearray(), False
    try:
        async with asyncio.timeout_at(until):
            async for part in response.aiter_raw():
                body += part
                if len(body) > policy.max_bytes:
                    cut = True
                    break
    except (TimeoutError, httpx.HTTPError):
        cut = True
    finally:
        await response.aclose()
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    retry_after = response.headers.get("retry-after", "")
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    return Answered(response.status_code, content_type, bytes(body[: policy.max_bytes]), cut, seconds)


async def fetch(url: str, policy: EgressPolicy) -> Fetched:
    """GET the address, following redirects. Raises EgressDenied or FetchFailed (its code says why)."""
    try:
        async with asyncio.timeout(policy.total_s), GuardedTransport(policy) as transport:
            return await _follow(transport, _join(httpx.URL(), url), policy)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise FetchFailed("The server took too long.", code="fetch_timeout", retryable=True) from error
    except httpx.HTTPError as error:
        raise FetchFailed(f"The server could not be reached: {type(error).__name__}.", retryable=True) from error


async def _follow(transport: GuardedTransport, url: httpx.URL, policy: EgressPolicy) -> Fetched:
    timeout = httpx.Timeout(policy.total_s, connect=policy.connect_s).as_dict()
    for _ in range(policy.max_redirects + 1):
        # No client between us and the transport: it would add cookies and credentials of its own.
        request = httpx.Request("GET", url, headers=HEADERS, extensions={"timeout": timeout})
        response = await transport.handle_async_request(request)
        try:
            if response.status_code not in REDIRECTS or "location" not in response.headers:
                return await _read(url, response, policy)
            url = _join(url, response.headers["location"])
        finally:
            await response.aclose()
    raise FetchFailed(f"More than {policy.max_redirects} redirects.", code="too_many_redirects")


async def _read(url: httpx.URL, response: httpx.Response, policy: EgressPolicy) -> Fetched:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not any(content_type.startswith(known) or content_type.endswith(known) for known in policy.content_types):
        raise FetchFailed(f"The content type {content_type!r} is not text.", code="content_type_denied")
    body = b"".join([part async for part in _decompressed(response, policy.max_bytes)])
    return Fetched(str(url), response.status_code, content_type, response.charset_encoding, body)


async def _decompressed(response: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """The body in parts, never more than `limit` bytes in all, however small it was when compressed."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise FetchFailed(f"The content encoding {encoding!r} was not asked for.", code="content_encoding_denied")
    inflate = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 16)
    left = limit
    async for raw in response.aiter_raw():
        part = raw if inflate is None else _inflated(inflate, raw, left + 1)
        left -= len(part)
        if left < 0:
            raise FetchFailed(f"The response has more than {limit} bytes.", code="response_too_large")
        yield part


def _inflated(inflate: "zlib._Decompress", raw: bytes, limit: int) -> bytes:
    try:
        return inflate.decompress(raw, limit)
    except zlib.error as error:
        raise FetchFailed("The compressed response is damaged.", code="content_encoding_denied") from error


def _port(url: httpx.URL) -> int:
    return _DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def _join(base: httpx.URL, url: str) -> httpx.URL:
    try:
        return base.join(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise EgressDenied("This is not a web address.") from error
