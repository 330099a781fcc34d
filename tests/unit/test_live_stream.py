"""One reader's stream: order, no miss, no double, gaps told, the end told; without servers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from apps.core.exceptions import Unavailable
from apps.core.ids import new_id
from apps.runs.live import Delta, EventNotice
from workers.live.channel import LIMIT, Channel
from workers.live.frames import GAP, HEARTBEAT, RETRY, delta_frame, done_frame, event_frame
from workers.live.store import Head, StoredEvent
from workers.live.streams import RunStream
from workers.live.topics import Topics

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Journal:
    """Stands for PostgreSQL: the one read that a stream makes."""

    events: list[StoredEvent] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    away: bool = False
    page: int = 500

    def record(self, ending: str | None = None) -> int:
        seq = len(self.events) + 1
        self.events.append(StoredEvent(seq, ending, b"<%d>" % seq))
        return seq

    async def events_after(self, run_id: UUID, seq: int) -> list[StoredEvent]:
        self.reads.append(seq)
        if self.away:
            raise Unavailable
        return self.events[seq : seq + self.page]


class Reader:
    """A client: follows a run and keeps what it was sent."""

    def __init__(self, topics: Topics, run_id: UUID, head: Head, seen: int = 0) -> None:
        self.channel = Channel(seen)
        self.received: list[bytes] = []
        self._follow = topics.follow(run_id, self.channel)
        self._stream = RunStream(self._follow.__enter__(), self.channel, head)
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for chunk in self._stream.chunks():
            self.received.append(chunk)
        self._follow.__exit__(None, None, None)

    @property
    def text(self) -> bytes:
        return b"".join(self.received)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # nobody could set an event here
            await asyncio.sleep(0)


def scene() -> tuple[Journal, Topics, UUID]:
    journal = Journal()
    return journal, Topics(journal), new_id()  # type: ignore[arg-type]


def test_it_works() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        journal.record()
        reader = Reader(topics, run_id, Head("running", 1))
        await until(lambda: b"<1>" in reader.text)
        topics.publish(Delta(run_id, "Hel"))
        topics.publish(Delta(run_id, "lo"))
        topics.publish(EventNotice(run_id, journal.record()))
        topics.publish(EventNotice(run_id, journal.record("succeeded")))
        await asyncio.wait_for(reader.task, 5)
        assert topics.followed() == []
        return reader.text

    assert asyncio.run(play()) == b"".join(
        [RETRY, b"<1>", delta_frame("Hel"), delta_frame("lo"), b"<2><3>", done_frame("succeeded")]
    )


def test_doubled_late_and_foreign_news_change_nothing() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        journal.record()
        reader = Reader(topics, run_id, Head("running", 1))
        await until(lambda: b"<1>" in reader.text)
        topics.publish(EventNotice(run_id, 1))
        topics.publish(EventNotice(run_id, 99))  # of an event that is not there
        topics.publish(EventNotice(new_id(), 5))
        topics.publish(Delta(new_id(), "not for you"))
        await until(lambda: len(journal.reads) == 2)
        journal.record()
        topics.behind([(run_id, 2)])
        await until(lambda: b"<2>" in reader.text)
        topics.publish(EventNotice(run_id, journal.record("failed")))
        await asyncio.wait_for(reader.task, 5)
        return reader.text

    assert asyncio.run(play()) == RETRY + b"<1><2><3>" + done_frame("failed")


def test_a_reader_resumes_after_its_last_event() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        for _ in range(4):
            journal.record()
        journal.record("cancelled")
        reader = Reader(topics, run_id, Head("cancelled", 5), seen=3)
        await asyncio.wait_for(reader.task, 5)
        return reader.text

    assert asyncio.run(play()) == RETRY + b"<4><5>" + done_frame("cancelled")


def test_a_reader_who_has_everything_of_a_finished_run_is_told_so_without_a_read() -> None:
    async def play() -> tuple[bytes, list[int]]:
        journal, topics, run_id = scene()
        reader = Reader(topics, run_id, Head("succeeded", 5), seen=5)
        await asyncio.wait_for(reader.task, 5)
        return reader.text, journal.reads

    assert asyncio.run(play()) == (RETRY + done_frame("succeeded"), [])


def test_a_run_that_failed_and_went_on_is_told_to_its_end() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        journal.record("failed")
        journal.record()
        journal.page = 1
        reader = Reader(topics, run_id, Head("running", 2))
        await until(lambda: b"<2>" in reader.text)
        topics.publish(EventNotice(run_id, journal.record("succeeded")))
        await asyncio.wait_for(reader.task, 5)
        return reader.text

    assert asyncio.run(play()) == RETRY + b"<1><2><3>" + done_frame("succeeded")


def test_a_hundred_readers_cost_one_read_an_event() -> None:
    async def play() -> tuple[list[bytes], list[int]]:
        journal, topics, run_id = scene()
        readers = [Reader(topics, run_id, Head("queued", 0)) for _ in range(100)]
        await until(lambda: all(reader.received for reader in readers))
        for ending in (None, None, "succeeded"):
            seq = journal.record(ending)
            topics.publish(EventNotice(run_id, seq))
            await until(lambda seq=seq: all(b"<%d>" % seq in reader.text for reader in readers))  # type: ignore[misc]
        await asyncio.gather(*(reader.task for reader in readers))
        return [reader.text for reader in readers], journal.reads

    texts, reads = asyncio.run(play())
    assert texts == [RETRY + b"<1><2><3>" + done_frame("succeeded")] * 100
    assert reads == [0, 1, 2]


def test_a_database_that_is_away_delays_and_loses_nothing() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        reader = Reader(topics, run_id, Head("queued", 0))
        journal.away = True
        topics.publish(EventNotice(run_id, journal.record()))
        await until(lambda: journal.reads == [0])
        journal.away = False
        journal.record("succeeded")
        topics.behind([(run_id, 2)])
        await asyncio.wait_for(reader.task, 5)
        return reader.text

    assert asyncio.run(play()) == RETRY + b"<1><2>" + done_frame("succeeded")


def test_a_closed_channel_ends_the_stream_without_done() -> None:
    async def play() -> bytes:
        journal, topics, run_id = scene()
        journal.record()
        reader = Reader(topics, run_id, Head("running", 1))
        await until(lambda: b"<1>" in reader.text)
        topics.close()
        late = Reader(topics, run_id, Head("running", 1))
        await asyncio.wait_for(asyncio.gather(reader.task, late.task), 5)
        assert late.text == RETRY
        return reader.text.removesuffix(HEARTBEAT)

    assert asyncio.run(play()) == RETRY + b"<1>"


def test_a_slow_reader_loses_text_is_told_and_loses_no_event() -> None:
    async def play() -> list[bytes | int]:
        channel = Channel(0)
        channel.notice(3)
        for _ in range(LIMIT):
            channel.tell(b"x")
        channel.notice(4)
        return await channel.take(0)

    assert asyncio.run(play()) == [GAP, 3, b"x", 4]


def test_a_queue_never_grows_beyond_its_limit() -> None:
    async def play() -> int:
        channel = Channel(0)
        for seq in range(1, 10 * LIMIT):
            channel.tell(b"x")
            channel.notice(seq)
        return len(await channel.take(0))

    assert asyncio.run(play()) <= LIMIT + 1


def test_an_idle_channel_gives_nothing_after_its_time() -> None:
    async def play() -> list[bytes | int]:
        return await Channel(0).take(0.01)

    assert asyncio.run(play()) == []


def test_frames_follow_the_event_stream_format() -> None:
    assert event_frame(7, "step.recorded", 3, AT, b'{"kind":"model"}') == (
        b"id: 7\nevent: step.recorded\n"
        b'data: {"seq":7,"type":"step.recorded","step":3,"at":"2026-11-22T12:00:00Z","kind":"model"}\n\n'
    )
    assert delta_frame("two\nlines") == b'event: delta\ndata: {"text":"two\\nlines"}\n\n'
    assert done_frame("failed") == b'event: done\ndata: {"status":"failed"}\n\n'


def test_lone_surrogates_pass_through_a_frame() -> None:
    assert delta_frame("\ud800") == b'event: delta\ndata: {"text":"\\ud800"}\n\n'
    assert b'"x":"\\ud800"' in event_frame(1, "run.queued", None, AT, b'{"x":"\\ud800"}')


def test_who_waits_for_the_end_is_woken_only_by_what_may_be_the_end() -> None:
    async def play() -> list[list[bytes | int]]:
        _, topics, run_id = scene()
        waiting, reading = Channel(0, for_the_end=True), Channel(0)
        with topics.follow(run_id, waiting), topics.follow(run_id, reading):
            topics.publish(EventNotice(run_id, 2, passing=True))
            topics.publish(Delta(run_id, "Hel"))
            spared = await waiting.take(0), await reading.take(0)
            topics.publish(EventNotice(run_id, 3))
            told = await waiting.take(0), await reading.take(0)
            topics.behind([(run_id, 4)])
            return [*spared, *told, await waiting.take(0), await reading.take(0)]

    assert asyncio.run(play()) == [[], [2, delta_frame("Hel")], [3], [3], [4], [4]]
