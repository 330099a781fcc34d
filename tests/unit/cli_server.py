"""A scripted server that speaks HTTP like `web` and `live`: each test says what it answers, and sees what was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from click.testing import CliRunner, Result

from cli.main import cli

RUN_ID = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"
KEY = "cef_AAAAAAAA_secret_crc"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What is sent back; `chunks` are sent as they are and the connection is closed after them."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] | None = None


Route = Callable[[Asked], Answer] | list[Answer] | Answer


class Server:
    """Routes by `METHOD /path`; a list of answers is played one after the other, the last again and again."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def environment(self) -> dict[str, str]:
        return {"CEF_URL": self.url, "CEF_API_KEY": KEY, "CEF_LIVE_URL": f"{self.url}/live"}

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = self.routes.get(f"{asked.method} {asked.path}")
        if route is None:
            return problem(404, "not_found", "There is no such thing here.")
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route if isinstance(route, Answer) else route(asked)


def cef(server: Server, *arguments: str, stdin: str = "") -> Result:
    """The command's result when it talks to this server."""
    return CliRunner(env=server.environment()).invoke(cli, list(arguments), input=stdin)


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port, until the end of the block."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = http.script = Server(http.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), body)
        answer = self.server.script.answer(asked)  # type: ignore[attr-defined]
        data = b"".join(answer.chunks) if answer.chunks is not None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunks is None:
            self.send_header("Content-Length", str(len(data)))
        else:
            self.send_header("Connection", "close")
        with suppress(OSError):  # a client that left
            self.end_headers()
            self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _respond  # noqa: N815  # http.server's names

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


def problem(status: int, code: str, detail: str, **more: Any) -> Answer:
    """A refusal as `web` words it."""
    return Answer(status, {"status": status, "code": code, "detail": detail, "errors": [], **more})


def page(*rows: dict[str, Any], cursor: str | None = None) -> Answer:
    """One page of a list."""
    return Answer(body={"data": list(rows), "next_cursor": cursor, "has_more": cursor is not None})


def run_json(status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """A run as REST shows it."""
    over = status in {"succeeded", "failed", "cancelled"}
    return {
        "id": RUN_ID,
        "status": status,
        "stop_reason": "completed" if status == "succeeded" else None,
        "attempt": 1,
        "agent": "docs",
        "agent_version": 3,
        "thread_id": None,
        "error": None,
        "usage": {"steps": 2, "model_calls": 1, "input_tokens": 812, "output_tokens": 43, "cost_usd": "0.000161"},
        "metadata": {},
        "cancel_requested_at": None,
        "created_at": "2026-11-23T09:30:00Z",
        "started_at": "2026-11-23T09:30:00.012Z",
        "finished_at": "2026-11-23T09:30:04.212Z" if over else None,
        "links": {
            "self": f"https://cef.example/api/v1/runs/{RUN_ID}",
            "events": f"https://cef.example/api/v1/runs/{RUN_ID}/events",
            "live": f"https://live.example/api/v1/runs/{RUN_ID}/events",
            "admin": f"https://cef.example/admin/runs/run/{RUN_ID}/change/",
        },
        "input": "How?",
        "output": "Like this." if status == "succeeded" else None,
    } | changes


def sse(*frames: tuple[int | None, str, dict[str, Any]]) -> tuple[bytes, ...]:
    """Events as `live` sends them."""
    return tuple(
        (f"id: {number}\n" if number else "").encode() + f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        for number, name, data in frames
    )


EVENTS = f"GET /live/api/v1/runs/{RUN_ID}/events"
RUN = f"GET /api/v1/runs/{RUN_ID}"
STEP = {"step": 1, "kind": "model", "name": "scripted:m", "duration_ms": 1234, "input_tokens": 812, "output_tokens": 43}
