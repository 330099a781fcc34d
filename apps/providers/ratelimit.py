"""A request-rate limit per provider, shared by all processes: GCRA in one Redis call.

The generic cell rate algorithm (ITU-T I.371; https://brandur.org/rate-limiting) keeps one number a key, the theoretical
arrival time of the next request. A request books its place at once and is told how long to wait for it, so that waiting
needs no second call and places go in the order of asking. With `n` requests a minute a tenth of them may come at once,
and no half-open minute sees more than `n`. While Redis is away each process keeps to the limit by itself.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Final, Protocol

from redis import Redis, RedisError
from redis.commands.core import Script

from apps.core.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 300.0
_REDIS_PAUSE_S: Final = 5.0

# KEYS[1] the arrival time in microseconds. ARGV: interval and burst tolerance in microseconds, the longest wait.
# Answers the wait in microseconds, negative when nothing was booked because it would be longer than that.
_BOOK: Final = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval, tolerance, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = math.max(arrival - tolerance - now, 0)
if wait > longest then
  return -wait
end
local following = arrival + interval
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.ceil((following - now) / 1000) + 1000)
return wait
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a minute, as the spacing between them and the tolerance for bursts, both in seconds."""

    interval_s: float
    tolerance_s: float

    @classmethod
    def per_minute(cls, requests: int) -> "Rate":
        burst = max(1, requests // 10)
        interval = 60.0 / (requests - burst + 1)
        return cls(interval, interval * (burst - 1))


class Meter(Protocol):
    """Where places are booked."""

    def book(self, key: str, rate: Rate, longest_wait_s: float) -> float | None:
        """Seconds to wait for the booked place; None when it would be too long, and nothing is booked."""
        ...


class LocalMeter:
    """Places of this process alone."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._arrivals: dict[str, float] = {}

    def book(self, key: str, rate: Rate, longest_wait_s: float) -> float | None:
        now = self._clock.monotonic()
        with self._lock:
            arrival = max(self._arrivals.get(key, now), now)
            wait = max(arrival - rate.tolerance_s - now, 0.0)
            if wait > longest_wait_s:
                return None
            self._arrivals[key] = arrival + rate.interval_s
        return wait


class SharedMeter:
    """Places of all processes, in Redis; this process's own for a few seconds after each failure of Redis."""

    def __init__(self, client: Callable[[], Redis], *, name: Callable[[str], str], clock: Clock | None = None) -> None:
        self._client = client
        self._name = name
        self._clock = clock or SystemClock()
        self._local = LocalMeter(self._clock)
        self._away_until = -math.inf

    def book(self, key: str, rate: Rate, longest_wait_s: float) -> float | None:
        if self._clock.monotonic() >= self._away_until:
            try:
                return self._book_shared(key, rate, longest_wait_s)
            except RedisError as error:
                self._note_absence(error)
        return self._local.book(key, rate, longest_wait_s)

    def _book_shared(self, key: str, rate: Rate, longest_wait_s: float) -> float | None:
        arguments = [round(seconds * 1_000_000) for seconds in (rate.interval_s, rate.tolerance_s, longest_wait_s)]
        client = self._client()
        wait = int(self._script(keys=[self._name(key)], args=arguments, client=client))
        if self._away_until > -math.inf:
            logger.info("Redis is back: provider rate limits are shared again.")
            self._away_until = -math.inf
        return None if wait < 0 else wait / 1_000_000

    @cached_property
    def _script(self) -> Script:
        return self._client().register_script(_BOOK)

    def _note_absence(self, error: RedisError) -> None:
        """Said once for each absence, however many requests come meanwhile."""
        if self._away_until == -math.inf:
            logger.warning("Redis is away: each process keeps provider rate limits by itself. (%s)", error)
        self._away_until = self._clock.monotonic() + _REDIS_PAUSE_S


class RateLimiter:
    """Lets requests of one provider through at its rate; waits asynchronously."""

    def __init__(
        self, key: str, rate: Rate, meter: Meter, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._key = key
        self._rate = rate
        self._meter = meter
        self._sleep = sleep

    async def wait(self, longest_s: float) -> bool:
        """Wait for a place; False at once, without one, when that would take longer."""
        seconds = await asyncio.to_thread(self._meter.book, self._key, self._rate, min(longest_s, LONGEST_WAIT_S))
        if seconds is None:
            return False
        if seconds:
            await self._sleep(seconds)
        return True
