"""Our own arm: `web`, `live` and `runs` as `make up` starts them, and a client that submits over HTTP."""

import json
from importlib.metadata import version
from typing import ClassVar

from benchmarks.peers.arm import Arm
from benchmarks.peers.line import About
from benchmarks.peers.options import Options
from workers.local.private import PrivateStack

_PACKAGES = ("pydantic-ai-slim", "celery", "django", "granian", "uvicorn")


class Cef(Arm):
    """POST with `mode=wait`, then the redirect to `live`, which answers when the run has ended."""

    about = About("cef", over_http=True, durable=True, packages=_PACKAGES)
    mode: ClassVar[str] = "wait"

    def __init__(self, stack: PrivateStack, options: Options) -> None:
        super().__init__(stack, options)
        self._keys: dict[float, str] = {}
        self._processes = ["web", "live", *(f"runs-{number}" for number in range(options.processes))]

    @property
    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in self.about.packages}

    def start(self) -> None:
        self._seed()
        self.stack.start_web(threads=8)
        self.stack.start_live()
        for name in self._processes[2:]:
            self.stack.start_runs(name, slots=200)
        self.spawn_client(
            "cef_client", PEER_URL=self.stack.web_url, PEER_MODE=self.mode, PEER_KEYS=json.dumps(self._keys)
        )

    def cpu_seconds(self) -> float:
        return self.stack.cpu_seconds()

    def stop(self) -> None:
        super().stop()
        for name in filter(self.stack.is_running, self._processes):
            self.stack.terminate(name)

    def _seed(self) -> None:
        """An agent for each latency, in a workspace of its own."""
        for latency_s in self.options.latencies_s:
            if latency_s not in self._keys:
                self._keys[latency_s] = self.stack.seed({"script": _script(latency_s), "tools": ["calculator"]})


class CefStream(Cef):
    """The same with `mode=stream`: every event and each piece of the answer goes to the client."""

    about = About("cef-stream", over_http=True, durable=True, packages=_PACKAGES)
    mode = "stream"


def _script(latency_s: float) -> list[dict[str, object]]:
    call = {"name": "calculator", "args": {"expression": "6 * 7"}}
    return [
        {"tool_calls": [call], "latency_s": latency_s},
        {"text": "The answer is {last_tool_result}.", "latency_s": latency_s},
    ]
