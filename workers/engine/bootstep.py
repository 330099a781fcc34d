"""Ties the engine's host to the life of a Celery worker that serves the queue `runs` or `quarantine`."""

from typing import Any, Final

from celery import bootsteps
from celery.signals import worker_shutting_down

from workers.engine.host import Host

QUEUE: Final = "runs"
QUARANTINE: Final = "quarantine"


class EngineStep(bootsteps.StartStopStep):
    """Starts the host before tasks arrive; drains it on SIGTERM; stops it when the pool has ended."""

    requires = ("celery.worker.components:Hub",)

    host: Host | None = None

    def include_if(self, parent: Any) -> bool:
        return bool({QUEUE, QUARANTINE} & set(parent.app.amqp.queues.consume_from))

    def start(self, parent: Any) -> None:
        suspects = QUEUE not in parent.app.amqp.queues.consume_from
        EngineStep.host = Host(slots=1 if suspects else parent.concurrency, quarantine=suspects)
        EngineStep.host.start()
        worker_shutting_down.connect(_drain, weak=False)

    def stop(self, parent: Any) -> None:
        host, EngineStep.host = EngineStep.host, None
        if host is not None:
            host.stop()


def current_host() -> Host:
    """The host of this process. Raises RuntimeError in a process that does not serve runs."""
    if EngineStep.host is None:
        raise RuntimeError("This worker does not serve runs.")
    return EngineStep.host


def _drain(**_: Any) -> None:
    if EngineStep.host is not None:
        EngineStep.host.drain()
