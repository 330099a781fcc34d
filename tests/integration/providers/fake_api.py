"""An OpenAI-compatible server on this machine that behaves as badly as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMPLETION: dict[str, Any] = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "served-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
}


class FakeApi:
    """Plays one behaviour a request, the last one for ever, and keeps what it was sent.

    Behaviours: "ok", a status code, (status, headers), "garbage", "html", "wrong_shape", "hang", "close",
    "stream_drop" (one token, then silence and a closed connection), "redirect:<url>".
    """

    def __init__(self, *behaviours: Any) -> None:
        self.behaviours = list(behaviours)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator["FakeApi"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def next_behaviour(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Any:
        with self._lock:
            self.requests.append((path, headers, body))
            return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(_Handler):
            fake = api

        return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeApi

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        behaviour = self.fake.next_behaviour(self.path, headers, body)
        if isinstance(behaviour, int):
            behaviour = (behaviour, {})
        if isinstance(behaviour, tuple):
            self._answer(*behaviour, b'{"error": {"message": "as told, with key sk-0123456789abcdef"}}')
        elif behaviour.startswith("redirect:"):
            self._answer(307, {"Location": behaviour.removeprefix("redirect:")}, b"")
        else:
            getattr(self, f"_{behaviour}")(body)

    def _ok(self, body: dict[str, Any]) -> None:
        if self.path.endswith("/embeddings"):
            rows = [{"object": "embedding", "index": n, "embedding": [3.0, 4.0]} for n in range(len(body["input"]))]
            answer = {"object": "list", "data": rows, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
            self._answer(200, {}, json.dumps(answer).encode())
        elif body.get("stream"):
            self._stream("hel", "lo")
        else:
            self._answer(200, {}, json.dumps(COMPLETION).encode())

    def _garbage(self, body: dict[str, Any]) -> None:
        self._answer(200, {}, b"\x00\xff{not json")

    def _html(self, body: dict[str, Any]) -> None:
        self._answer(200, {"Content-Type": "text/html"}, b"<html>login please</html>")

    def _wrong_shape(self, body: dict[str, Any]) -> None:
        self._answer(200, {}, b'{"id": 1, "choices": "none", "object": "x"}')

    def _hang(self, body: dict[str, Any]) -> None:
        self.fake.released.wait(30)
        self.close_connection = True

    def _close(self, body: dict[str, Any]) -> None:
        self.close_connection = True
        self.connection.close()

    def _stream_drop(self, body: dict[str, Any]) -> None:
        self._stream("hel", finish=False)
        self.close_connection = True

    def _stream(self, *tokens: str, finish: bool = True) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n, token in enumerate(tokens):
            last = finish and n == len(tokens) - 1
            choice = {"index": 0, "delta": {"content": token}, "finish_reason": "stop" if last else None}
            self._event(json.dumps({**COMPLETION, "object": "chat.completion.chunk", "choices": [choice]}))
        if finish:
            self._event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""
