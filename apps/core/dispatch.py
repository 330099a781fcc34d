"""Sending a task's message from a process that must not wait: a request, a command, the sweeper."""

from functools import cache
from typing import Any, Final

from celery import current_app
from kombu import Connection, Queue
from kombu.exceptions import KombuError
from kombu.pools import producers

TIMEOUT_S: Final = 0.5
"""For each of connecting, sending and being answered: a Redis that is silent must not hold a request up."""

UNDELIVERED: Final = (KombuError, OSError)
"""What `deliver` raises."""


def deliver(task: str, *arguments: str | bool, queue: str | None = None, expires_s: float | None = None) -> None:
    """Send the task's message, within about a second; to the queue of its name, or to one that no route leads to.

    Raises one of UNDELIVERED. The connections are not those of the workers, which may wait for half a minute.
    """
    route: dict[str, Any] = {} if queue is None else {"queue": lone_queue(queue)}
    with producers[_connection()].acquire(block=True, timeout=TIMEOUT_S) as producer:
        current_app.send_task(task, args=arguments, ignore_result=True, producer=producer, expires=expires_s, **route)


def lone_queue(name: str) -> Queue:
    """A queue that is reached by its name alone."""
    return Queue(name, exchange="", routing_key=name, auto_delete=True)


@cache
def _connection() -> Connection:
    """What the process's pool of producers is found by: the broker's address with our own patience. Never opened."""
    connection: Connection = current_app.connection_for_write()
    connection.transport_options = (connection.transport_options or {}) | {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "retry_on_timeout": False,
        "max_retries": 1,
        "interval_start": 0,
    }
    return connection
