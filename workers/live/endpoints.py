"""What `live` answers: a run's events as they happen, a run once it has finished, and its own health."""

import asyncio
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from apps.core.exceptions import InvalidInput, Unavailable
from apps.runs.payloads import digest_of, load_many, size_of
from apps.runs.selectors import detail_json
from apps.runs.states import TERMINAL
from workers.engine.payloads import INLINE
from workers.live.access import readable_workspace
from workers.live.catching_up import catch_up
from workers.live.channel import Channel
from workers.live.exchange import Exchange
from workers.live.process import LiveProcess
from workers.live.streams import RunStream

DEFAULT_WAIT_S: Final = 300
LONGEST_WAIT_S: Final = 3600


async def stream_events(process: LiveProcess, exchange: Exchange, run_id: UUID) -> None:
    """`GET …/runs/{id}/events`: server-sent events after `Last-Event-ID` (or `?after=`) until the run has ended."""
    request = exchange.request()
    after = _last_event_id(request)
    workspace_id = await readable_workspace(process.orm, request, run_id)
    del request  # a stream that stays open for hours need not keep it
    channel = Channel(after)
    with process.topics.follow(run_id, channel) as topic:
        head = await process.store.head(workspace_id, run_id)
        channel.seen = min(after, head.seq)
        await catch_up(process.tail, topic, channel, run_id, head)
        async with exchange.watching(channel.close):
            await exchange.stream(RunStream(topic, channel, head).chunks())


async def wait_for_end(process: LiveProcess, exchange: Exchange, run_id: UUID) -> None:
    """`GET …/runs/{id}/wait`: the run once it has ended (200), or as it is after `?timeout=` seconds (202)."""
    request = exchange.request()
    seconds = _whole_number(request.GET.get("timeout") or str(DEFAULT_WAIT_S), "timeout", LONGEST_WAIT_S)
    workspace_id = await readable_workspace(process.orm, request, run_id)
    channel = Channel(0, for_the_end=True)
    with process.topics.follow(run_id, channel):
        run = await process.store.run(workspace_id, run_id)
        async with exchange.watching(channel.close):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    run = await _ended(process, channel, run, workspace_id)
            if run["status"] not in TERMINAL and not channel.closed:
                run = await process.store.run(workspace_id, run_id)
    if exchange.gone:
        return
    finished = run["status"] in TERMINAL
    if channel.closed and not finished:
        raise Unavailable("This process is stopping; ask again.", code="stopping")
    await exchange.json(200 if finished else 202, await _told(process, workspace_id, run))


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


async def _ended(process: LiveProcess, channel: Channel, run: dict[str, Any], workspace_id: UUID) -> dict[str, Any]:
    """Reads the run again when it may have ended, until it has or the channel is closed.

    While PostgreSQL is away the last known row stands, and the next look wakes this again.
    """
    while run["status"] not in TERMINAL and not channel.closed:
        channel.seen = run["event_seq"]
        if await channel.take(DEFAULT_WAIT_S):
            with suppress(Unavailable):
                run = await process.store.run(workspace_id, run["id"])
    return run


async def _told(process: LiveProcess, workspace_id: UUID, run: dict[str, Any]) -> dict[str, Any]:
    """The run's public form; only payloads that lie apart or are large are opened in a thread."""
    rows = [run["input"], run["output"]]
    small = all(row is None or (digest_of(row) is None and size_of(row) <= INLINE) for row in rows)
    opened = load_many(workspace_id, rows) if small else await process.orm.call(load_many, workspace_id, rows)
    return detail_json(run, *opened)


def _last_event_id(request: HttpRequest) -> int:
    """The header, which EventSource sends when it reconnects, goes before the address."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("after") or "0"
    return _whole_number(text, "Last-Event-ID", 2**63 - 1)


def _whole_number(text: str, name: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= highest):
        raise InvalidInput(f"{name} must be a whole number up to {highest}.", code="invalid_parameter")
    return int(text)
