"""Ties the engine's host to the life of a Celery worker that serves the queue `runs` or `quarantine`."""

import gc
from typing import Any, Final

from celery import bootsteps
from celery.signals import worker_shutting_down
from django.conf import settings
from kombu.transport.virtual import QoS
from redis import RedisError

from apps.core import redis
from apps.core.dispatch import UNDELIVERED, deliver, lone_queue
from workers.engine.host import Host
from workers.engine.watchdog import Canary

QUEUE: Final = "runs"
QUARANTINE: Final = "quarantine"
CANARY: Final = "workers.runs.canary"
COLLECT_AFTER: Final = 50_000
"""Objects that are not freed by themselves, before the garbage collector looks for cycles among them."""


class EngineStep(bootsteps.StartStopStep):
    """Starts the host before tasks arrive; drains it on SIGTERM; stops it when the pool has ended."""

    requires = ("celery.worker.components:Hub",)

    host: Host | None = None
    canary: Canary | None = None

    def include_if(self, parent: Any) -> bool:
        return bool({QUEUE, QUARANTINE} & set(parent.app.amqp.queues.consume_from))

    def create(self, parent: Any) -> None:
        """Bells are not acknowledged: keeping account of each costs 5 % of a run, and the poller finds what was lost.

        A process that serves other queues too must keep account of their messages.
        """
        if {QUEUE, QUARANTINE} >= set(parent.app.amqp.queues.consume_from):
            conf = parent.app.conf
            conf.broker_transport_options = conf.broker_transport_options | {"ack_emulation": False}
            # A bell in hand when Redis goes away would be written to a file, with an error in the log.
            QoS.restore_at_shutdown = False

    def start(self, parent: Any) -> None:
        suspects = QUEUE not in parent.app.amqp.queues.consume_from
        host = EngineStep.host = Host(slots=1 if suspects else parent.concurrency, quarantine=suspects)
        host.start()
        _spare_what_is_loaded()
        EngineStep.canary = _canary(parent, host)
        EngineStep.canary.start()
        worker_shutting_down.connect(_drain, weak=False)

    def stop(self, parent: Any) -> None:
        canary, EngineStep.canary = EngineStep.canary, None
        if canary is not None:
            canary.close()
        host, EngineStep.host = EngineStep.host, None
        if host is not None:
            host.stop()


def current_host() -> Host:
    """The host of this process. Raises RuntimeError in a process that does not serve runs."""
    if EngineStep.host is None:
        raise RuntimeError("This worker does not serve runs.")
    return EngineStep.host


def hear_canary() -> None:
    """The message that this process sent to itself has come."""
    if EngineStep.canary is not None:
        EngineStep.canary.hear()


def _canary(parent: Any, host: Host) -> Canary:
    """It sits in a queue of this process alone, which is taken from together with the others."""
    queue = f"{parent.hostname}.canary"
    parent.app.amqp.queues.select_add(lone_queue(queue))

    def send() -> bool:
        try:
            deliver(CANARY, queue=queue, expires_s=settings.CEF_CONSUMER_SECONDS)
        except UNDELIVERED:
            return False
        return True

    return Canary(send, lambda: host.has_room and _redis_answers())


def _redis_answers() -> bool:
    try:
        return bool(redis.client().ping())
    except RedisError:
        return False


def _spare_what_is_loaded() -> None:
    """Let the garbage collector pass over it from now on.

    To walk it all takes a tenth of a second in which no run goes on, and reading a long run makes it walk. A run leaves
    few cycles and allocates much: to look for them after each 700 objects took 4 % of its CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def _drain(**_: Any) -> None:
    if EngineStep.host is not None:
        EngineStep.host.drain()
