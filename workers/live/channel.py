"""What one reader has still to be told."""

import asyncio
from collections import deque
from typing import Final

from workers.live.frames import GAP

LIMIT: Final = 256


class Channel:
    """A bounded queue of frames (bytes: send them) and event numbers (int: read PostgreSQL up to there), in order.

    A reader that is too slow loses frames, is told so by a `gap` frame, and never loses an event number. One that
    waits `for_the_end` is spared what cannot have ended the run.
    All methods are called on the loop's thread.
    """

    __slots__ = ("_items", "_ready", "closed", "for_the_end", "seen")

    def __init__(self, seen: int, *, for_the_end: bool = False) -> None:
        self.seen = seen
        """The last event that the reader was sent."""
        self.closed = False
        self.for_the_end = for_the_end
        self._items: deque[bytes | int] = deque()
        self._ready = asyncio.Event()

    def tell(self, frame: bytes) -> None:
        """Queue a frame that exists nowhere else."""
        if len(self._items) >= LIMIT:
            self._shed()
        self._items.append(frame)
        self._ready.set()

    def notice(self, seq: int) -> None:
        """Queue the reading of events up to `seq`, unless the reader has them."""
        if seq <= self.seen:
            return
        last = self._items[-1] if self._items else b""
        if isinstance(last, int):
            seq = max(seq, last)
            self._items.pop()
        self._items.append(seq)
        self._ready.set()

    def restart(self, seq: int) -> None:
        """Begin with the reading of events up to `seq`, whatever was queued before."""
        self._items.clear()
        self.notice(seq)

    def close(self) -> None:
        """Let the reader go, now."""
        self.closed = True
        self._ready.set()

    async def take(self, seconds: float) -> list[bytes | int]:
        """Everything queued; waits for it at most `seconds` and is empty when nothing came or the channel is closed."""
        if not self._items and not self.closed:
            self._ready.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._ready.wait()
            except TimeoutError:
                return []
        items = list(self._items)
        self._items.clear()
        return items

    def _shed(self) -> None:
        wanted = max((item for item in self._items if isinstance(item, int)), default=0)
        self._items.clear()
        self._items.append(GAP)
        self.notice(wanted)
