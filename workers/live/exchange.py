"""One HTTP request and its answer, on bare ASGI."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from django.core.handlers.asgi import ASGIRequest

from apps.core.middleware import request_id_of
from apps.core.problems import MEDIA_TYPE, problem_of
from apps.core.renderers import FastJSONRenderer
from workers.live.cors import cors_headers

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[str, str]]

_STREAM_HEADERS: Final = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
_renderer = FastJSONRenderer()


class Exchange:
    """A request, and the ways to answer it; every answer carries the request's id and the CORS headers."""

    __slots__ = ("_receive", "_scope", "_send", "gone", "request_id", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.started = False
        self.gone = False
        self.request_id = request_id_of(ASGIRequest(scope, io.BytesIO()))

    @property
    def method(self) -> str:
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        return str(self._scope["path"])

    def request(self) -> ASGIRequest:
        """The request as Django reads it, made anew each time."""
        request = ASGIRequest(self._scope, io.BytesIO())
        request.request_id = self.request_id  # type: ignore[attr-defined]
        return request

    async def json(self, status: int, body: Any, headers: Headers = ()) -> None:
        """Answer with a JSON body."""
        await self._start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers])
        await self._send({"type": "http.response.body", "body": _renderer.render(body)})

    async def empty(self, status: int, headers: Headers = ()) -> None:
        """Answer without a body."""
        await self._start(status, headers)
        await self._send({"type": "http.response.body", "body": b""})

    async def problem(self, error: Exception, headers: Headers = ()) -> None:
        """Answer with the problem+json that `web` would give for the error."""
        problem = problem_of(error)
        if problem.status >= 500:
            logger.error("%s: %s", problem.code, error, exc_info=error)
        fixed = [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *problem.headers.items()]
        await self._start(problem.status, [*fixed, *headers])
        await self._send({"type": "http.response.body", "body": _renderer.render(problem.body(self.request()))})

    async def stream(self, chunks: AsyncIterator[bytes]) -> None:
        """Answer with server-sent events, each chunk as it comes."""
        await self._start(200, _STREAM_HEADERS)
        async for chunk in chunks:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    @asynccontextmanager
    async def watching(self, on_disconnect: Callable[[], None]) -> AsyncIterator[None]:
        """In this block, call back when the client has gone: `send` does not tell."""
        watcher = asyncio.create_task(self._until_disconnect(on_disconnect))
        try:
            yield
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher

    async def _until_disconnect(self, on_disconnect: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        on_disconnect()

    async def _start(self, status: int, headers: Headers) -> None:
        self.started = True
        everything = [*headers, ("Request-Id", self.request_id), *cors_headers(self._scope["headers"])]
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in everything]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
