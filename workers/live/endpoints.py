"""What `live` answers: a run's events as they happen, a run once it has finished, and its own health."""

import asyncio
from contextlib import suppress
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from apps.core.exceptions import InvalidInput, Unavailable
from apps.runs.selectors import run_detail
from workers.live.access import readable_workspace
from workers.live.channel import Channel
from workers.live.exchange import Exchange
from workers.live.process import LiveProcess
from workers.live.store import Head
from workers.live.streams import RunStream

DEFAULT_WAIT_S: Final = 300
LONGEST_WAIT_S: Final = 3600


async def stream_events(process: LiveProcess, exchange: Exchange, run_id: UUID) -> None:
    """`GET …/runs/{id}/events`: server-sent events after `Last-Event-ID` (or `?after=`) until the run has ended."""
    request = exchange.request()
    after = _last_event_id(request)
    workspace_id = await process.orm.call(readable_workspace, request, run_id)
    del request  # a stream that stays open for hours need not keep it
    channel = Channel(after)
    with process.topics.follow(run_id, channel) as topic:
        head = await process.store.head(workspace_id, run_id)
        channel.seen = min(after, head.seq)
        async with exchange.watching(channel.close):
            await exchange.stream(RunStream(topic, channel, head).chunks())


async def wait_for_end(process: LiveProcess, exchange: Exchange, run_id: UUID) -> None:
    """`GET …/runs/{id}/wait`: the run once it has ended (200), or as it is after `?timeout=` seconds (202)."""
    request = exchange.request()
    seconds = _whole_number(request.GET.get("timeout") or str(DEFAULT_WAIT_S), "timeout", LONGEST_WAIT_S)
    workspace_id = await process.orm.call(readable_workspace, request, run_id)
    channel = Channel(0)
    with process.topics.follow(run_id, channel):
        head = await process.store.head(workspace_id, run_id)
        async with exchange.watching(channel.close):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    head = await _ended(process, channel, head, (workspace_id, run_id))
    if exchange.gone:
        return
    if channel.closed and not head.finished:
        raise Unavailable("This process is stopping; ask again.", code="stopping")
    body = await process.orm.call(run_detail, workspace_id, run_id)
    await exchange.json(200 if head.finished else 202, body)


async def tell_health(process: LiveProcess, exchange: Exchange) -> None:
    """`GET /healthz`: 200 while PostgreSQL answers and news is looked for; Redis away is told and forgiven."""
    database = await process.store.answers()
    healthy = database and process.follows
    body = {
        "database": "ok" if database else "unreachable",
        "redis": "ok" if process.tail.connected else "unreachable",
        "readers": process.topics.readers,
    }
    await exchange.json(200 if healthy else 503, body)


async def _ended(process: LiveProcess, channel: Channel, head: Head, run: tuple[UUID, UUID]) -> Head:
    """Reads the run again whenever it has news, until it has ended or the channel is closed.

    While PostgreSQL is away the last known head stands, and the next look wakes this again.
    """
    while not head.finished and not channel.closed:
        channel.seen = head.seq
        items = await channel.take(DEFAULT_WAIT_S)
        if any(isinstance(item, int) for item in items):
            with suppress(Unavailable):
                head = await process.store.head(*run)
    return head


def _last_event_id(request: HttpRequest) -> int:
    """The header, which EventSource sends when it reconnects, goes before the address."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("after") or "0"
    return _whole_number(text, "Last-Event-ID", 2**63 - 1)


def _whole_number(text: str, name: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= highest):
        raise InvalidInput(f"{name} must be a whole number up to {highest}.", code="invalid_parameter")
    return int(text)
