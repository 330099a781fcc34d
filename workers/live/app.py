"""The ASGI application of the `live` process: no Django views, one coroutine and one watcher for a connection."""

import logging
import re
from typing import Final
from uuid import UUID

from rest_framework.exceptions import MethodNotAllowed

from apps.core.exceptions import NotFound
from apps.core.logs import log_fields
from apps.runs.exceptions import RunNotFound
from workers.live.cors import PREFLIGHT
from workers.live.endpoints import stream_events, tell_health, wait_for_end
from workers.live.exchange import Exchange, Receive, Scope, Send
from workers.live.process import LiveProcess
from workers.live.termination import before_termination

logger = logging.getLogger(__name__)

_RUN: Final = re.compile(r"/api/v1/runs/([^/]+)/(events|wait)")
_ENDPOINTS: Final = {"events": stream_events, "wait": wait_for_end}


class LiveApp:
    """Answers what waits, and nothing else; every failure is problem+json."""

    def __init__(self) -> None:
        self._process: LiveProcess | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(Exchange(scope, receive, send))
        else:
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the server's start to its end."""
        await receive()
        process = self._process = LiveProcess()
        await process.start()
        before_termination(process.topics.close)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await process.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, exchange: Exchange) -> None:
        with log_fields(request=exchange.request_id):
            try:
                await self._route(exchange)
            except Exception as error:
                if exchange.started:
                    raise
                await exchange.problem(error)

    async def _route(self, exchange: Exchange) -> None:
        process = self._process
        if process is None:
            raise RuntimeError("The server must support ASGI's lifespan protocol: start it with --lifespan on.")
        if exchange.method == "OPTIONS":
            await exchange.empty(204, PREFLIGHT)
        elif exchange.method != "GET":
            await exchange.problem(MethodNotAllowed(exchange.method), [("Allow", "GET, OPTIONS")])
        elif exchange.path == "/healthz":
            await tell_health(process, exchange)
        elif match := _RUN.fullmatch(exchange.path):
            await _ENDPOINTS[match[2]](process, exchange, _run_id(match[1]))
        else:
            raise NotFound("There is no such address on live.")


def _run_id(text: str) -> UUID:
    """Raises RunNotFound for what is no id, as for an id that is nobody's."""
    try:
        return UUID(text)
    except ValueError:
        raise RunNotFound from None
