"""What a worker process sets up for the queues that it serves."""

from types import SimpleNamespace

import pytest
from celery import Celery
from kombu import Queue
from kombu.transport import redis
from kombu.transport.virtual import QoS

from workers.engine.bootstep import EngineStep


def process(*served: str) -> SimpleNamespace:
    """A worker as its bootsteps see it, before it connects."""
    app = Celery("worker", set_as_current=False)
    app.conf.task_queues = [Queue(name, routing_key=name) for name in ("runs", "quarantine", "batch", "ops")]
    app.conf.broker_transport_options = {"visibility_timeout": 900}
    app.amqp.queues.select(served)
    return SimpleNamespace(app=app, steps=[])


@pytest.mark.parametrize("served", [("runs",), ("quarantine",), ("runs", "quarantine")])
def test_bells_are_not_accounted_for(served: tuple[str, ...]) -> None:
    parent = process(*served)
    EngineStep(parent).include(parent)
    assert parent.app.conf.broker_transport_options == {"visibility_timeout": 900, "ack_emulation": False}
    with parent.app.connection_for_read("redis://127.0.0.1:1/0") as connection:
        assert connection.transport_options["ack_emulation"] is False
    assert QoS.restore_at_shutdown is False
    assert redis.QoS.restore_at_shutdown is True


@pytest.mark.parametrize("served", [("batch",), ("ops",), ("runs", "batch")])
def test_other_messages_are(served: tuple[str, ...]) -> None:
    parent = process(*served)
    EngineStep(parent).include(parent)
    assert parent.app.conf.broker_transport_options == {"visibility_timeout": 900}
