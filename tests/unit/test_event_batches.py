"""What Flower hears of tasks leaves in batches: by the clock, and when the worker leaves."""

from types import SimpleNamespace
from typing import Any

from celery import Celery
from celery.events import EventDispatcher
from kombu import Connection
from kombu.asynchronous.timer import Timer

from workers.engine.events import EventBatches


class _Producer:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.published: list[Any] = []

    def publish(self, body: Any, **_: Any) -> None:
        self.published.append(body)


def _worker(**options: Any) -> tuple[Any, _Producer]:
    app = Celery("events", broker="memory://", set_as_current=False)
    flushed: list[None] = []
    dispatcher = EventDispatcher(
        Connection("memory://"), app=app, on_send_buffered=lambda: flushed.append(None), **options
    )
    producer = dispatcher.producer = _Producer()
    return SimpleNamespace(event_dispatcher=dispatcher, timer=Timer(), flushed=flushed), producer


def test_the_events_of_many_tasks_are_one_message_once_the_clock_says_so() -> None:
    worker, producer = _worker(buffer_group=["task"])
    EventBatches(worker).start(worker)
    for number in range(3):
        worker.event_dispatcher.send("task-received", uuid=str(number))
    assert (producer.published, worker.flushed) == ([], [])

    (_, _, entry), *others = worker.timer.queue
    entry()

    assert others == []
    assert [[event["uuid"] for event in batch] for batch in producer.published] == [["0", "1", "2"]]


def test_a_leaving_worker_sends_what_is_left_and_its_clock_stops() -> None:
    worker, producer = _worker(buffer_group=["task"])
    step = EventBatches(worker)
    step.start(worker)
    worker.event_dispatcher.send("task-succeeded", uuid="a")

    step.stop(worker)

    assert [[event["uuid"] for event in batch] for batch in producer.published] == [["a"]]
    assert [entry.canceled for _, _, entry in worker.timer.queue] == [True]


def test_a_worker_that_does_not_buffer_is_left_as_it_is() -> None:
    worker, producer = _worker()
    step = EventBatches(worker)
    step.start(worker)
    worker.event_dispatcher.send("task-received", uuid="a")
    step.stop(worker)

    assert [event["uuid"] for event in producer.published] == ["a"]
    assert list(worker.timer.queue) == []
