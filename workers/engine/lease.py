"""The lease of this process: a row renewed by its own thread on its own connection, and what follows when it is not."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings

from apps.core.ids import new_id
from workers.engine.database import connection_parameters

logger = logging.getLogger(__name__)

REGISTER: Final = """
INSERT INTO runs_workerprocess (id, hostname, pid, slots, running, draining, expires_at)
VALUES (%(id)s, %(hostname)s, %(pid)s, %(slots)s, %(running)s, %(draining)s, now() + make_interval(secs => %(ttl)s))"""

RENEW: Final = """
UPDATE runs_workerprocess SET heartbeat_at = now(), expires_at = now() + make_interval(secs => %(ttl)s),
       running = %(running)s, draining = %(draining)s
WHERE id = %(id)s AND expires_at > now() RETURNING id"""

RELEASE: Final = "UPDATE runs_workerprocess SET expires_at = now(), running = 0 WHERE id = %(id)s"

CANCELLED: Final = """
SELECT id FROM runs_run WHERE worker_id = %(id)s AND status = 'running' AND cancel_requested_at IS NOT NULL"""

_CANCEL_LOOK_SECONDS = 2.0
_MARGIN = 0.75


@dataclass(frozen=True, slots=True)
class Listener:
    """What the lease tells its owner, called on the lease's own thread."""

    lost: Callable[[], None]
    cancelled: Callable[[Sequence[UUID]], None]
    load: Callable[[], tuple[int, bool]]


class Lease:
    """Renews the worker's row every `CEF_HEARTBEAT_SECONDS` for `CEF_LEASE_SECONDS`, and looks for cancels.

    A process that could not renew by three quarters of the lease, on the monotonic clock taken before the renewal was
    sent, gives its runs up before anybody else may take them. Then it registers under a new id. A renewal may hang with
    the network, and this thread with it, so the owner looks at `worker_id` too: it is None from that moment on.
    """

    def __init__(self, slots: int, listener: Listener) -> None:
        self._slots, self._listener = slots, listener
        self._ttl, self._beat = settings.CEF_LEASE_SECONDS, settings.CEF_HEARTBEAT_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="cef-lease", daemon=True)
        self._link: psycopg.Connection[Any] | None = None
        self._worker_id: UUID | None = None
        self._renewed = time.monotonic()

    @property
    def worker_id(self) -> UUID | None:
        """Under which runs may be held now; None without a lease, and when it was not renewed in time."""
        return None if self._is_overdue() else self._worker_id

    def holds(self, worker_id: UUID) -> bool:
        """Whether runs that were claimed under this id are surely still held."""
        return self.worker_id == worker_id

    def start(self) -> None:
        """Begin; the lease is held as soon as the database answers."""
        self._thread.start()

    def close(self) -> None:
        """End the lease at once, so that what is left can be taken without waiting."""
        self._stop.set()
        self._thread.join(timeout=self._ttl)

    def _live(self) -> None:
        pause = min(self._beat, _CANCEL_LOOK_SECONDS)
        last_beat = 0.0
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                if asked - last_beat >= self._beat or self._worker_id is None:
                    self._renew_or_register(asked)
                    last_beat = asked
                self._look_for_cancels()
            except psycopg.Error as error:
                logger.warning("The lease was not renewed.", extra={"error": str(error)})
                self._disconnect()
            if self._worker_id is not None and self._is_overdue():
                self._give_up()
            self._stop.wait(pause)
        self._release()

    def _is_overdue(self) -> bool:
        return time.monotonic() - self._renewed > self._ttl * _MARGIN

    def _renew_or_register(self, asked: float) -> None:
        running, draining = self._listener.load()
        row = {"ttl": self._ttl, "running": running, "draining": draining}
        if self._worker_id is not None and self._connected().execute(RENEW, row | {"id": self._worker_id}).fetchone():
            self._renewed = asked
            return
        if self._worker_id is not None:
            self._give_up()
        worker_id = new_id()
        host = {"hostname": socket.gethostname(), "pid": os.getpid(), "slots": self._slots}
        self._connected().execute(REGISTER, row | host | {"id": worker_id})
        self._renewed, self._worker_id = asked, worker_id

    def _look_for_cancels(self) -> None:
        rows = self._connected().execute(CANCELLED, {"id": self._worker_id}).fetchall()
        if rows:
            self._listener.cancelled([row[0] for row in rows])

    def _give_up(self) -> None:
        logger.error("The lease has ended; the runs held here are given up.")
        self._worker_id = None
        self._listener.lost()

    def _release(self) -> None:
        if self._worker_id is None:
            return
        try:
            self._connected().execute(RELEASE, {"id": self._worker_id})
        except psycopg.Error as error:
            logger.warning("The lease was not released and will run out.", extra={"error": str(error)})
        self._disconnect()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._link is None or self._link.closed:
            self._link = psycopg.connect(**connection_parameters(), autocommit=True)
        return self._link

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
