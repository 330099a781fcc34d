"""A run's events as they happen: everything after a number from PostgreSQL, then whatever news comes.

News only says "read on", so neither a lost nor a doubled wake-up makes a reader miss an event or get it twice.
"""

from collections.abc import AsyncIterator
from typing import Final

from apps.core.exceptions import Unavailable
from workers.live.channel import Channel
from workers.live.frames import HEARTBEAT, RETRY, done_frame
from workers.live.store import Head
from workers.live.topics import Topic

HEARTBEAT_S: Final = 15.0


class RunStream:
    """One reader's stream of one run. The channel must be attached to the topic before `head` was read.

    Ends after the event that ended the run, with a `done` frame, or without one when the channel is closed.
    """

    __slots__ = ("_channel", "_ending", "_head", "_topic")

    def __init__(self, topic: Topic, channel: Channel, head: Head) -> None:
        self._topic = topic
        self._channel = channel
        self._head = head
        self._ending: str | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Bytes to send, at least every 15 s."""
        yield RETRY
        if self._head.finished and self._channel.seen >= self._head.seq:
            yield done_frame(self._head.status)
            return
        self._channel.notice(self._head.seq)
        while not self._ending and not self._channel.closed:
            async for chunk in self._tell(await self._channel.take(HEARTBEAT_S)):
                yield chunk
        if self._ending:
            yield done_frame(self._ending)

    async def _tell(self, items: list[bytes | int]) -> AsyncIterator[bytes]:
        """Frames that follow each other are sent as one."""
        frames: list[bytes] = []
        for item in items:
            if isinstance(item, bytes):
                frames.append(item)
                continue
            async for page in self._read_to(item):
                yield b"".join([*frames, page])
                frames.clear()
        if frames or not items:
            yield b"".join(frames) or HEARTBEAT

    async def _read_to(self, wanted: int) -> AsyncIterator[bytes]:
        """Pages of events up to number `wanted`. Without PostgreSQL the reader waits: the next look comes back here."""
        while self._channel.seen < wanted:
            try:
                page = await self._topic.events_after(self._channel.seen, wanted=wanted)
            except Unavailable:
                return
            if not page:
                return
            self._channel.seen = page[-1].seq
            self._ending = page[-1].ending
            yield b"".join(event.frame for event in page)
