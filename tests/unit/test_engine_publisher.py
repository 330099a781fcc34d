"""News leave in batches; an urgent one waits for none."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from apps.runs.live import decode
from workers.engine import publisher
from workers.engine.publisher import Publisher

RUN = UUID("01937b6e-0000-7000-8000-00000000002a")


class FakeRedis:
    """Remembers what each pipeline sent."""

    def __init__(self) -> None:
        self.sent: list[list[Any]] = []
        self._batch: list[Any] = []

    def pipeline(self, *, transaction: bool) -> "FakeRedis":
        return self

    async def __aenter__(self) -> "FakeRedis":
        self._batch = []
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to give back."""

    def xadd(self, stream: str, fields: Any, **_: Any) -> None:
        self._batch.append(decode(fields))

    async def execute(self) -> None:
        self.sent.append(self._batch)

    async def aclose(self) -> None:
        """Nothing to close."""


def sent_by(scene: Callable[[Publisher, FakeRedis], Awaitable[None]]) -> list[int]:
    """The sizes of the batches that left while the scene was played."""

    async def play() -> list[int]:
        redis = FakeRedis()
        news = Publisher(redis)  # type: ignore[arg-type]
        running = asyncio.create_task(news.run())
        await scene(news, redis)
        sizes = [len(batch) for batch in redis.sent]
        running.cancel()
        return sizes

    return asyncio.run(play())


async def _soon() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_it_works(monkeypatch):
    monkeypatch.setattr(publisher, "BATCH_SECONDS", 0.05)

    async def scene(news: Publisher, redis: FakeRedis) -> None:
        news.event(RUN, 1)
        await _soon()
        news.event(RUN, 2)
        news.delta(RUN, "three")
        await _soon()
        assert len(redis.sent) == 1
        await asyncio.sleep(0.1)

    assert sent_by(scene) == [1, 2]


def test_an_urgent_one_takes_the_others_along_at_once(monkeypatch):
    monkeypatch.setattr(publisher, "BATCH_SECONDS", 3600.0)

    async def scene(news: Publisher, redis: FakeRedis) -> None:
        news.event(RUN, 1)
        await _soon()
        news.delta(RUN, "two")
        news.event(RUN, 3, urgent=True)
        await _soon()
        assert len(redis.sent) == 2
        news.event(RUN, 4)
        await _soon()

    assert sent_by(scene) == [1, 2]
