"""How the suite itself speaks to an arm's workers: canaries, and copies of messages."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

import redis
from celery import Celery
from kombu.exceptions import KombuError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

_ASK_S: Final = 2.0
_CANARIES: Final = 25
_PAUSE_S: Final = 0.1


class Switchboard:
    """Sends tasks and asks workers, on a connection of its own that no proxy delays."""

    def __init__(self, url: Callable[[], str], *, prefix: str, queue: str) -> None:
        self._url, self._prefix, self._queue = url, prefix, queue

    def send(self, task: str, *arguments: str, task_id: str | None = None) -> str:
        """Send a message; its id. Raises OperationalError when it could not be handed over."""
        with self._app() as app:
            sent = app.send_task(task, args=list(arguments), task_id=task_id or str(uuid4()), queue=self._queue)
            return str(sent.id)

    def consumed(self) -> dict[int, int]:
        """How many messages each worker that answers has taken, by its pid."""
        with self._app() as app:
            answers = app.control.inspect(timeout=_ASK_S).stats() or {}
        return {stats["pid"]: sum(stats["total"].values()) for stats in answers.values()}

    def duplicate(self, copies: int) -> int:
        """Put messages that wait or are unacknowledged into the queue again; how many were added."""
        client = self.client()
        waiting = client.lrange(self._prefix + self._queue, 0, 200)
        taken = [json.dumps(json.loads(item)[0]).encode() for item in client.hvals(self._prefix + "unacked")]
        again = [*reversed(waiting), *taken] * copies
        if again:
            client.lpush(self._prefix + self._queue, *again)
        return len(again)

    def depth(self) -> int:
        """Messages that wait or are unacknowledged."""
        client = self.client()
        return int(client.llen(self._prefix + self._queue)) + int(client.hlen(self._prefix + "unacked"))

    def client(self) -> "redis.Redis[bytes]":
        """A client that fails at once."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis.from_url(self._url(), socket_timeout=2, socket_connect_timeout=2, retry=once)

    def _app(self) -> Celery:
        options = {"global_keyprefix": self._prefix, "max_retries": 2, "interval_start": 0.1, "socket_timeout": 5}
        app = Celery("switchboard", broker=self._url(), set_as_current=False)
        app.conf.update(broker_transport_options=options, task_ignore_result=True, task_publish_retry=False)
        return app


def await_consumers(
    board: Switchboard, task: str, pid_of: Callable[[str], int | None], places: Sequence[str], within_s: float = 60.0
) -> dict[str, float | None]:
    """Seconds until the worker in each place took a canary, be it one that replaced another; None when none did."""
    started, before = time.monotonic(), dict[int, int]()
    seconds: dict[str, float | None] = dict.fromkeys(places)
    while None in seconds.values() and time.monotonic() - started < within_s:
        counts = _asked(board, task)
        for place in places:
            pid = pid_of(place)
            if seconds[place] is None and pid in counts and counts[pid] > before.setdefault(pid, counts[pid]):
                seconds[place] = time.monotonic() - started
    return seconds


def _asked(board: Switchboard, task: str) -> dict[int, int]:
    """What each worker has taken by now, some canaries included; nothing while the broker is not there."""
    try:
        for _ in range(_CANARIES):
            board.send(task, *_canary(task))
        return board.consumed()
    except (KombuError, RedisError):
        time.sleep(_PAUSE_S)
        return {}


def _canary(task: str) -> tuple[Any, ...]:
    return (str(uuid4()),) if task == "workers.runs.advance" else ()
