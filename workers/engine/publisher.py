"""News of runs for live readers: wake-ups and token deltas, sent to Redis in batches, never in a run's way."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from apps.runs.live import MAX_ENTRIES, Fields, encode_delta, encode_event, shard_key

logger = logging.getLogger(__name__)

BATCH_SECONDS: Final = 0.02
BACKLOG: Final = 20_000
"""News waiting for a Redis that is away; the oldest are dropped first, for readers fall back on PostgreSQL."""
PAUSE_SECONDS: Final = 1.0


class Publisher:
    """Collects news on the loop and sends them every 20 ms in one pipeline, or at once when somebody waits for them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pending: deque[tuple[str, Fields]] = deque(maxlen=BACKLOG)
        self._news, self._urgent = asyncio.Event(), asyncio.Event()

    def event(self, run_id: UUID, seq: int, *, urgent: bool = False, passing: bool = False) -> None:
        """Event `seq` of the run is committed; one that callers wait for is urgent and waits for no batch.

        A passing one has not ended the run, so that who waits for its end need not look.
        """
        self._add(shard_key(run_id), encode_event(run_id, seq, passing=passing))
        if urgent:
            self._urgent.set()

    def delta(self, run_id: UUID, text: str) -> None:
        """A piece of the model's answer."""
        self._add(shard_key(run_id), encode_delta(run_id, text))

    async def run(self) -> None:
        """Send until cancelled; what is pending then goes out with a last try."""
        try:
            while True:
                await self._news.wait()
                await self._flush()
                await self._gather()
        finally:
            with suppress(RedisError, asyncio.CancelledError):
                await self._send()
            await self._redis.aclose()

    def _add(self, stream: str, fields: Fields) -> None:
        self._pending.append((stream, fields))
        self._news.set()

    async def _gather(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(BATCH_SECONDS):
                await self._urgent.wait()

    async def _flush(self) -> None:
        try:
            await self._send()
        except RedisError as error:
            logger.warning("Live news are late: Redis does not answer.", extra={"error": str(error)})
            await asyncio.sleep(PAUSE_SECONDS)

    async def _send(self) -> None:
        """Sends what is pending; a failed batch is not sent again, because nobody depends on it."""
        self._news.clear()
        self._urgent.clear()
        if not self._pending:
            return
        batch, self._pending = self._pending, deque(maxlen=BACKLOG)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream, fields in batch:
                pipeline.xadd(stream, fields, maxlen=MAX_ENTRIES, approximate=True)  # type: ignore[arg-type]
            await pipeline.execute()
