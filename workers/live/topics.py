"""Who follows which run in this process, and one reading of PostgreSQL for all who follow the same."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from apps.runs.live import Delta, EventNotice, shard_key
from workers.live.channel import Channel
from workers.live.frames import delta_frame
from workers.live.spoken import Spoken
from workers.live.store import Store, StoredEvent


class Topic:
    """A run that somebody follows. It remembers its last page, so that a hundred readers cost one query an event."""

    __slots__ = ("_after", "_lock", "_page", "_run_id", "_store", "born", "channels", "recalling", "spoken")

    def __init__(self, store: Store, run_id: UUID, born: bytes | None) -> None:
        self.channels: set[Channel] = set()
        self.spoken = Spoken()
        self.recalling = asyncio.Lock()
        self.born = born
        """The last entry of the run's live stream that was told before anybody followed the run."""
        self._store = store
        self._run_id = run_id
        self._lock = asyncio.Lock()
        self._after = -1
        self._page: list[StoredEvent] = []

    def listening(self, *, passing: bool) -> list[Channel]:
        """Who is to hear of news; of passing ones only who does not just wait for the end."""
        return [channel for channel in self.channels if not (passing and channel.for_the_end)]

    async def events_after(self, seq: int, *, wanted: int) -> list[StoredEvent]:
        """A page of events after `seq`, read no earlier than event `wanted` was committed."""
        async with self._lock:
            if self._after != seq or not self._page or self._page[-1].seq < wanted:
                self._page = await self._store.events_after(self._run_id, seq)
                self._after = seq
                self.spoken.forget_before(max((event.seq for event in self._page if event.begins), default=0))
            return self._page


class Topics:
    """Every run that is followed in this process, and the way from its news to its readers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._topics: dict[UUID, Topic] = {}
        self._positions: dict[bytes, bytes] = {}
        self._closing = False

    @contextmanager
    def follow(self, run_id: UUID, channel: Channel) -> Iterator[Topic]:
        """Attach the channel: from here on it hears everything about the run."""
        topic = self._topics.get(run_id)
        if topic is None:
            topic = self._topics[run_id] = Topic(self._store, run_id, self._positions.get(shard_key(run_id).encode()))
        topic.channels.add(channel)
        if self._closing:
            channel.close()
        try:
            yield topic
        finally:
            topic.channels.discard(channel)
            if not topic.channels:
                self._topics.pop(run_id, None)

    def follow_from(self, positions: dict[bytes, bytes]) -> None:
        """News comes from here on: what was told before may be missing. Who passes it on keeps the positions true."""
        self._positions = positions
        for run_id, topic in self._topics.items():
            topic.spoken.forget()
            topic.born = positions.get(shard_key(run_id).encode())

    def publish(self, news: EventNotice | Delta) -> None:
        """Pass news on to whoever follows the run."""
        topic = self._topics.get(news.run_id)
        if topic is None:
            return
        if isinstance(news, EventNotice):
            topic.spoken.pass_event(news.seq)
            for channel in topic.listening(passing=news.passing):
                channel.notice(news.seq)
            return
        topic.spoken.hear(news.text)
        if listening := topic.listening(passing=True):
            frame = delta_frame(news.text)
            for channel in listening:
                channel.tell(frame)

    def behind(self, numbers: Iterable[tuple[UUID, int]]) -> None:
        """Wake the readers of runs whose last event they have not been sent."""
        for run_id, seq in numbers:
            self.publish(EventNotice(run_id, seq))

    def followed(self) -> list[UUID]:
        """The runs that somebody follows."""
        return list(self._topics)

    def close(self) -> None:
        """Let all readers go, also those who come later; they reconnect to another process."""
        self._closing = True
        for topic in self._topics.values():
            for channel in topic.channels:
                channel.close()

    @property
    def readers(self) -> int:
        """How many channels are attached."""
        return sum(len(topic.channels) for topic in self._topics.values())
