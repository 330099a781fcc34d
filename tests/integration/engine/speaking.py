"""A model provider on this machine that says exactly these bytes, and keeps the bytes that it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.accounts.models import Workspace
from apps.providers.models import LanguageModel
from apps.providers.services import create_model, create_provider


class SpeakingProvider:
    """Answers each request with the next message, the last one for ever; ASCII-escaped, so that any text gets there."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)
        self.requests: list[bytes] = []

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its base URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, body: bytes) -> bytes:
        self.requests.append(body)
        message = self._messages.pop(0) if len(self._messages) > 1 else self._messages[0]
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
        completion = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        return json.dumps(completion | {"choices": [choice], "usage": usage}).encode("ascii")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer = provider.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        return Handler


def local_model(workspace: Workspace, base_url: str) -> LanguageModel:
    """A row for the model of a provider on this machine."""
    return create_model(create_provider(workspace.id, slug="speaking", kind="local", base_url=base_url), name="m")


def calling(name: str, call_id: str = "c", **arguments: Any) -> dict[str, Any]:
    """A message that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"content": None, "tool_calls": [{"id": call_id, "type": "function", "function": function}]}
