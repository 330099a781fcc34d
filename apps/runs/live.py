"""How news of a run travels through Redis to its live readers: wake-ups and token deltas on 16 shared streams.

Nothing here is kept: an event's row in PostgreSQL is the truth and its number the SSE id, so a lost, doubled or late
entry costs a reader time and never an event. Publishers append with `xadd(shard_key(run), entry, maxlen=MAX_ENTRIES)`.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

from django.conf import settings
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.core import canonical
from apps.core.redis import key

logger = logging.getLogger(__name__)

SHARDS: Final = 16
MAX_ENTRIES: Final = 4096
"""About how many entries a stream keeps; readers follow the tail and never look back."""

_TIMEOUT_S = 0.1
_PAUSE_S = 3.0

Fields = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class EventNotice:
    """Event `seq` of the run is committed: read PostgreSQL. A passing one has not ended the run."""

    run_id: UUID
    seq: int
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the model's answer as it is spoken; it has no number and is told once, to whoever listens."""

    run_id: UUID
    text: str


def shard_key(run_id: UUID) -> str:
    """The stream that carries this run's news."""
    return key(f"live:{run_id.int % SHARDS}")


def all_shards() -> list[str]:
    """The streams that a reader of every run follows."""
    return [key(f"live:{shard}") for shard in range(SHARDS)]


def encode_event(run_id: UUID, seq: int, *, passing: bool = False) -> Fields:
    """The stream entry that says an event is committed; a passing one has surely not ended the run."""
    return {b"run": run_id.bytes, b"kind": b"passing" if passing else b"event", b"data": b"%d" % seq}


def encode_delta(run_id: UUID, text: str) -> Fields:
    """The stream entry that carries a piece of text; NUL and lone surrogates survive."""
    return {b"run": run_id.bytes, b"kind": b"delta", b"data": canonical.dump({"text": text})}


def decode(fields: Mapping[bytes, bytes]) -> EventNotice | Delta:
    """What an entry says. Raises ValueError for an entry that nobody here wrote."""
    try:
        run_id, kind, data = UUID(bytes=bytes(fields[b"run"])), fields[b"kind"], fields[b"data"]
        if kind in (b"event", b"passing"):
            return EventNotice(run_id, int(data), passing=kind == b"passing")
        if kind == b"delta":
            return Delta(run_id, str(canonical.load(data)["text"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"Not an entry of the live streams: {error!r}") from error
    raise ValueError(f"Entries of kind {kind!r} are not known.")


class Announcer:
    """Tells live readers of events from synchronous code, and never fails: readers without news poll.

    A call takes at most about 0.2 s, and after a failure the next 3 s are skipped, so that a Redis that is away slows
    no request.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._silent_until = 0.0

    def announce(self, run_id: UUID, seq: int) -> None:
        """Wake the readers of the run."""
        self.announce_many([(run_id, seq)])

    def announce_many(self, events: Sequence[tuple[UUID, int]]) -> None:
        """Wake the readers of many runs, in one round trip."""
        if not events or time.monotonic() < self._silent_until:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for run_id, seq in events:
                    pipeline.xadd(shard_key(run_id), encode_event(run_id, seq), maxlen=MAX_ENTRIES)  # type: ignore[arg-type]
                pipeline.execute()
        except RedisError as error:
            self._silent_until = time.monotonic() + _PAUSE_S
            logger.warning("Live readers were not told of event %d: %s", events[-1][1], error)


def announce_event(run_id: UUID, seq: int) -> None:
    """Tell live readers that event `seq` of the run is committed; best effort, for services outside the engine."""
    _announcer().announce(run_id, seq)


def announce_events(events: Sequence[tuple[UUID, int]]) -> None:
    """The same for the events of many runs."""
    _announcer().announce_many(events)


@cache
def _announcer() -> Announcer:
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=16,
        timeout=_TIMEOUT_S,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return Announcer(Redis(connection_pool=pool))
