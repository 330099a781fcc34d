"""What Flower hears of tasks is sent in batches: a message for each event costs a tenth of a run's CPU."""

from typing import Any, Final

from celery import bootsteps

FLUSH_SECONDS: Final = 0.5
"""How late Flower hears of a task at most."""


class EventBatches(bootsteps.StartStopStep):
    """Flushes the dispatcher's buffer by the clock, and when the worker leaves, instead of after each event.

    Celery also flushes a buffer that is full, so that a busy worker's is not older than that.
    """

    requires = ("celery.worker.consumer.events:Events",)

    _timer: Any = None

    def start(self, parent: Any) -> None:
        dispatcher = parent.event_dispatcher
        if not dispatcher.buffer_group:
            return
        dispatcher.on_send_buffered = None
        self._timer = parent.timer.call_repeatedly(FLUSH_SECONDS, dispatcher.flush)

    def stop(self, parent: Any) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            parent.event_dispatcher.flush()
