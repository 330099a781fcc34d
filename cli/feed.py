"""A run's events for as long as it lasts: from `live` while it answers, else by asking `web` again and again."""

import random
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx

from cli.client import Client
from cli.errors import ApiError, Unreachable
from cli.sse import ServerEvent, read_events

FINISHED: Final = frozenset({"succeeded", "failed", "cancelled"})
POLLING: Final = ServerEvent("polling", {})
"""Told once by `run_events` when it gives `live` up; it comes from no server."""

_TIMEOUT: Final = httpx.Timeout(40.0, connect=5.0)  # `live` sends a heartbeat each 15 s
_TRIES: Final = 3
_POLL_S: Final = 1.0
_PATIENCE_S: Final = 60.0


def run_events(client: Client, run: dict[str, Any], *, after: int = 0) -> Iterator[ServerEvent]:
    """Every event after number `after` once and in order, text as it is spoken, and `done` at the end.

    Reconnects with Last-Event-ID; text that is spoken meanwhile is lost, events are not. Raises ApiError when the
    server refuses, Unreachable when nothing has answered for a minute.
    """
    last, failures = after, 0
    while failures < _TRIES:
        try:
            for event in _connection(client, run, last):
                failures = 0
                if event.id is not None and event.id <= last:
                    continue
                last = event.id or last
                if event.name:
                    yield event
                if event.name == "done":
                    return
        except (httpx.TransportError, ValueError):  # ValueError: what came is no event
            pass
        time.sleep(0.5 * 2**failures * random.uniform(0.5, 1.0))  # noqa: S311  # spreads reconnections
        failures += 1
    yield POLLING
    yield from _polled(client, run["id"], last)


def _connection(client: Client, run: dict[str, Any], last: int) -> Iterator[ServerEvent]:
    """Events of one connection to `live`; a server in trouble looks like a broken connection."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    with client.http.stream("GET", _live_url(client, run), headers=headers, timeout=_TIMEOUT) as answer:
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return
        if answer.status_code != httpx.codes.OK:
            answer.read()
            raise ApiError(answer.status_code, _problem(answer))
        yield from read_events(answer.iter_bytes())


def _live_url(client: Client, run: dict[str, Any]) -> str:
    live = client.target.live_url
    return f"{live}/api/v1/runs/{run['id']}/events" if live else str(run["links"]["live"])


def _polled(client: Client, run_id: str, last: int) -> Iterator[ServerEvent]:
    """The status is read before the events, so that a finished run's events are all there."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            status = client.get(f"/runs/{run_id}")["status"]
            rows = list(client.rows(f"/runs/{run_id}/events", {"after": last}, None))
        except Unreachable:
            if time.monotonic() > give_up_at:
                raise
        else:
            give_up_at = time.monotonic() + _PATIENCE_S
            for row in rows:
                last = row["seq"]
                yield ServerEvent(row["type"], row, last)
            if status in FINISHED:
                yield ServerEvent("done", {"status": status})
                return
        time.sleep(_POLL_S)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json())
    except ValueError:
        return {}
