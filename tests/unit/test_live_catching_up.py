"""Readers who come in the middle of a model call: first what was said before, then what comes; without servers."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import UUID

from apps.core.ids import new_id
from apps.runs.live import Delta, EventNotice, shard_key
from workers.live.catching_up import catch_up
from workers.live.channel import Channel
from workers.live.frames import GAP, delta_frame
from workers.live.spoken import LONGEST, Spoken
from workers.live.store import Head, StoredEvent
from workers.live.topics import Topic, Topics

RUN = new_id()
BORN = b"7-0"
News = EventNotice | Delta


@dataclass
class Past:
    """Stands for Redis: what it still has of the run, and what is told while one asks."""

    topics: Topics
    news: list[News] = field(default_factory=list)
    meanwhile: list[News] = field(default_factory=list)
    asked: list[tuple[UUID, bytes | None, int]] = field(default_factory=list)
    readers: ExitStack = field(default_factory=ExitStack)

    async def past(self, run_id: UUID, until: bytes | None, *, since: int) -> list[News]:
        self.asked.append((run_id, until, since))
        for news in self.meanwhile:
            self.topics.publish(news)
        await asyncio.sleep(0)
        return self.news


class Journal:
    """Stands for PostgreSQL: a step that ends the call."""

    async def events_after(self, run_id: UUID, seq: int) -> list[StoredEvent]:
        return [StoredEvent(seq + 1, None, b"<>", begins=True)]


def scene(*news: News, meanwhile: tuple[News, ...] = ()) -> tuple[Topics, Past]:
    topics = Topics(Journal())  # type: ignore[arg-type]
    topics.follow_from({shard_key(RUN).encode(): BORN})
    return topics, Past(topics, list(news), list(meanwhile))


def said(text: str) -> Delta:
    return Delta(RUN, text)


def event(seq: int) -> EventNotice:
    return EventNotice(RUN, seq)


def so_far(text: str) -> bytes:
    return delta_frame(text, so_far=True)


async def come(topics: Topics, past: Past, head: Head, *, seen: int = 0) -> tuple[Topic, Channel]:
    """A reader who has just been attached and caught up, and stays."""
    channel = Channel(seen)
    topic = past.readers.enter_context(topics.follow(RUN, channel))
    await catch_up(past, topic, channel, RUN, head)  # type: ignore[arg-type]
    return topic, channel


SPEAKING = Head("running", 2, 2)


def test_it_works() -> None:
    async def play() -> tuple[list[bytes | int], list[tuple[UUID, bytes | None, int]]]:
        topics, past = scene(event(1), event(2), said("Hel"), said("lo"))
        _, channel = await come(topics, past, SPEAKING)
        topics.publish(said(", world"))
        topics.publish(event(3))
        return await channel.take(0), past.asked

    items, asked = asyncio.run(play())
    assert items == [2, so_far("Hello"), delta_frame(", world"), 3]
    assert asked == [(RUN, BORN, 2)]


def test_what_comes_while_one_looks_back_is_told_once_and_after_it() -> None:
    async def play() -> list[bytes | int]:
        topics, past = scene(event(2), said("Hel"), meanwhile=(said("lo"), said("!")))
        _, channel = await come(topics, past, SPEAKING)
        return await channel.take(0)

    assert asyncio.run(play()) == [2, so_far("Hello!")]


def test_a_step_that_ends_while_one_looks_back_stands_between_the_texts() -> None:
    async def play() -> list[bytes | int]:
        topics, past = scene(event(2), said("old"), meanwhile=(said(" text"), event(3), said("new")))
        _, channel = await come(topics, past, SPEAKING)
        return await channel.take(0)

    assert asyncio.run(play()) == [2, so_far("old text"), 3, delta_frame("new")]


def test_two_readers_look_back_once_and_hear_the_same() -> None:
    async def play() -> tuple[list[list[bytes | int]], int]:
        topics, past = scene(event(2), said("a"), meanwhile=(said("b"),))
        both = await asyncio.gather(come(topics, past, SPEAKING), come(topics, past, SPEAKING))
        topics.publish(said("c"))
        _, third = await come(topics, past, SPEAKING, seen=2)
        topics.publish(said("d"))
        channels = [*(channel for _, channel in both), third]
        return [await channel.take(0) for channel in channels], len(past.asked)

    told, asked = asyncio.run(play())
    assert asked == 1
    early = [2, so_far("ab"), delta_frame("c"), delta_frame("d")]
    assert told == [early, early, [so_far("abc"), delta_frame("d")]]


def test_what_was_recorded_is_not_said_again() -> None:
    """The news of step 3 is on its way when PostgreSQL has it already."""

    async def play() -> list[bytes | int]:
        topics, past = scene(event(2), said("recorded by now"))
        _, channel = await come(topics, past, Head("running", 3, 3))
        topics.publish(event(3))
        topics.publish(said("next"))
        return await channel.take(0)

    assert asyncio.run(play()) == [3, delta_frame("next")]


def test_a_cancel_that_is_asked_for_in_between_hides_nothing() -> None:
    async def play() -> list[bytes | int]:
        topics, past = scene(event(2), said("before"), event(3), said("after"))
        _, channel = await come(topics, past, Head("running", 3, 2))
        return await channel.take(0)

    assert asyncio.run(play()) == [3, so_far("before"), delta_frame("after")]


def test_a_beginning_that_is_gone_is_told() -> None:
    async def play() -> list[bytes | int]:
        topics, past = scene(said("the end"))
        _, channel = await come(topics, past, SPEAKING)
        return await channel.take(0)

    assert asyncio.run(play()) == [2, GAP, so_far("the end")]


def test_who_came_before_the_run_began_makes_nobody_look_back() -> None:
    async def play() -> tuple[list[bytes | int], int]:
        topics, past = scene()
        await come(topics, past, Head("queued", 1))
        for news in (event(2), said("Hello")):
            topics.publish(news)
        _, late = await come(topics, past, SPEAKING)
        return await late.take(0), len(past.asked)

    assert asyncio.run(play()) == ([2, so_far("Hello")], 0)


def test_of_a_run_that_does_not_stream_nothing_is_looked_for() -> None:
    async def play() -> tuple[list[bytes | int], int]:
        topics, past = scene(said("x"))
        _, channel = await come(topics, past, Head("running", 2))
        topics.publish(said("y"))
        return await channel.take(0), len(past.asked)

    assert asyncio.run(play()) == ([delta_frame("y")], 0)


def test_after_redis_was_away_one_looks_back_again() -> None:
    async def play() -> tuple[list[bytes | int], list[bytes | None]]:
        topics, past = scene(event(2), said("a"))
        await come(topics, past, SPEAKING)
        past.news += [said("b")]
        topics.follow_from({shard_key(RUN).encode(): b"9-0"})
        _, late = await come(topics, past, SPEAKING)
        return await late.take(0), [until for _, until, _ in past.asked]

    assert asyncio.run(play()) == ([2, so_far("ab")], [BORN, b"9-0"])


def test_what_was_said_goes_when_its_step_is_read() -> None:
    async def play() -> list[tuple[int, str]]:
        topics, past = scene(event(2), said("old"))
        topic, _ = await come(topics, past, SPEAKING)
        topics.publish(event(3))
        topics.publish(said("new"))
        await topic.events_after(2, wanted=3)
        return list(topic.spoken.since(0))

    assert asyncio.run(play()) == [(3, "new")]


def test_without_readers_nothing_is_kept() -> None:
    topics, _ = scene()
    for _ in range(3):
        topics.publish(said("nobody hears this"))
    assert topics.followed() == []
    with topics.follow(RUN, Channel(0)) as topic:
        assert list(topic.spoken.since(0)) == []
        topics.publish(said("this"))
        assert list(topic.spoken.since(0)) == [(0, "this")]
    assert topics.followed() == []


def test_no_more_than_so_much_is_kept() -> None:
    spoken = Spoken()
    spoken.remember([event(2)])
    for _ in range(3):
        spoken.hear("x" * (LONGEST // 2))
    assert [(after, len(text)) for after, text in spoken.since(2)] == [(2, LONGEST // 2 * 2)]
    assert not spoken.is_whole(2)
    spoken.pass_event(3)
    spoken.hear("y")
    assert spoken.is_whole(3)
    spoken.forget_before(3)
    assert list(spoken.since(2)) == [(3, "y")]
