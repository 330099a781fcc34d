"""Where news comes from: one blocking read of Redis, and a slow look into PostgreSQL that needs no Redis.

Redis makes readers fast, PostgreSQL makes them right: an event whose wake-up was lost is found by the next look.
"""

import asyncio
import logging
import random
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.core.exceptions import Unavailable
from apps.runs.live import Delta, EventNotice, all_shards, decode, shard_key
from workers.live.store import Store
from workers.live.topics import Topics

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.5
_BLOCK_S: Final = 5.0
_ENTRIES: Final = 500
_LONGEST_PAUSE_S: Final = 2.0
LOOKS_BACK: Final = 4
"""Connections that may read what was told before, at once."""
_PAST_S: Final = 1.0
_LOOK_BACK: Final = """
local found, newest = {}, ARGV[1]
repeat
    local page = redis.call('XREVRANGE', KEYS[1], newest, '-', 'COUNT', 100)
    for _, entry in ipairs(page) do
        local fields = entry[2]
        if fields[1] == 'run' and fields[2] == ARGV[2] then
            found[#found + 1] = fields
            if fields[4] ~= 'delta' and tonumber(fields[6]) <= tonumber(ARGV[3]) then return found end
        end
        newest = '(' .. entry[1]
    end
until #page < 100
return found"""
"""The run's entries, the newest first, picked where they are: a stream carries those of many others.

By pages, since most readers come soon after what they look for, and Redis does nothing else meanwhile.
"""


class RedisTail:
    """Follows the tail of the 16 live streams with one connection and passes on what comes."""

    def __init__(self, topics: Topics) -> None:
        self.connected = False
        self._topics = topics
        self._looking_back = asyncio.Semaphore(LOOKS_BACK)
        self._redis = Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=2.0,
            socket_timeout=_BLOCK_S + 5.0,
            retry=Retry(NoBackoff(), 0),
        )
        self._look_back = self._redis.register_script(_LOOK_BACK)

    async def run(self) -> None:
        """Until cancelled; a Redis that is away is tried again after 0.1 s, then less and less often."""
        pause = 0.1
        while True:
            try:
                await self._follow()
            except (RedisError, OSError) as error:
                if self.connected:
                    pause = 0.1
                    logger.warning("Wake-ups have stopped, readers rely on PostgreSQL until Redis is back: %s", error)
                self.connected = False
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def past(self, run_id: UUID, until: bytes | None, *, since: int) -> list[EventNotice | Delta]:
        """What the streams still have of the run, up to entry `until`, from event `since` on; the oldest first.

        Nothing when Redis does not answer within a second, or has not been there yet.
        """
        if until is None:
            return []
        try:
            async with asyncio.timeout(_PAST_S), self._looking_back:
                found: Any = await self._look_back(keys=[shard_key(run_id)], args=[until, run_id.bytes, since])
                return [decode(dict(zip(fields[::2], fields[1::2], strict=True))) for fields in reversed(found)]
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            logger.warning("A reader will not hear what was said before: %s", error)
            return []

    async def close(self) -> None:
        """Give the connection back."""
        await self._redis.aclose()

    async def _follow(self) -> None:
        """From the present tails on: a Redis that came back empty may number its entries anew."""
        positions = await self._tails()
        self._topics.follow_from(positions)
        self.connected = True
        while True:
            answer: Any = await self._redis.xread(positions, count=_ENTRIES, block=int(_BLOCK_S * 1000))  # type: ignore[arg-type]
            for stream, entries in _streams(answer):
                positions[stream] = entries[-1][0]
                for _id, fields in entries:
                    self._pass_on(fields)

    async def _tails(self) -> dict[bytes, bytes]:
        names = [name.encode() for name in all_shards()]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.xrevrange(name, count=1)
            newest = await pipeline.execute()
        return {name: entries[0][0] if entries else b"0-0" for name, entries in zip(names, newest, strict=True)}

    def _pass_on(self, fields: dict[bytes, bytes]) -> None:
        try:
            self._topics.publish(decode(fields))
        except ValueError as error:
            logger.warning("Skipped an entry of the live streams: %s", error)


def _streams(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """XREAD's answer is a mapping in RESP3 and a list of pairs in RESP2, and nothing when the time was up."""
    if isinstance(answer, dict):
        return [(stream, entries[0]) for stream, entries in answer.items()]
    return list(answer or [])


async def look_for_events(store: Store, topics: Topics) -> None:
    """Until cancelled, compare every 1.5 s what the followed runs have told with what their readers were sent."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        followed = topics.followed()
        if not followed:
            continue
        try:
            topics.behind(await store.numbers(followed))
        except Unavailable as error:
            logger.warning("Could not look for new events: %s", error)
