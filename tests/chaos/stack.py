"""Servers, processes and the proxies between them: what both arms stand on."""

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil

from tests.chaos.loop import BackgroundLoop
from tests.chaos.proxy import Proxy
from workers.local.ports import HOST, free_port
from workers.local.private import PrivateStack, wait_for
from workers.local.valkey import ValkeyServer


@dataclass(frozen=True, slots=True)
class Links:
    """The proxies between one process and the servers."""

    postgres: Proxy
    redis: Proxy

    def heal(self) -> None:
        """Pass everything on again."""
        self.postgres.heal()
        self.redis.heal()


class ChaosStack(PrivateStack):
    """A private stack with durable servers, a model and tool server, and a pair of proxies for every process."""

    def __init__(self, background: BackgroundLoop, seed: int, settings: Mapping[str, str]) -> None:
        super().__init__(settings, fsync=True)
        self.valkey = ValkeyServer(self.folder / "valkey", persistent=True)
        self.ledgers = self.folder / "ledgers"
        self.ledgers.mkdir()
        self._background, self._seed = background, seed
        self._server_port = free_port()
        self.links: dict[str, Links] = {}

    @property
    def server_url(self) -> str:
        """Of the model and tool server."""
        return f"http://{HOST}:{self._server_port}"

    def environment(self) -> dict[str, str]:
        own = {"CHAOS_SERVER": self.server_url, "CEF_TOOL_MODULES": "tests.chaos.tools,tests.chaos.poison_tools"}
        return super().environment() | own | {"CEF_ALLOW_PRIVATE_PROVIDERS": "true"}

    def start_fake(self) -> None:
        """The model and tool server; returns when it answers."""
        ledger = self.ledgers / "server.jsonl"
        self.spawn("fake", "tests.chaos.fake", str(self._server_port), str(ledger), str(self._seed))
        wait_for(lambda: _answers(self.server_url), "the fake server", self._log("fake"))

    def linked(self, name: str) -> dict[str, str]:
        """The addresses under which this process finds the servers: its own proxies'."""
        if name not in self.links:
            self.links[name] = Links(self._proxy(lambda: self.postgres.port), self._proxy(lambda: self.valkey.port))
        links = self.links[name]
        return {
            "DATABASE_URL": _at_port(self.postgres.url, links.postgres.port),
            "REDIS_URL": _at_port(self.valkey.url, links.redis.port),
        }

    def quit_postgres(self, number: signal.Signals) -> None:
        """End the server by a signal (SIGINT fast, SIGQUIT immediate, SIGKILL); returns when its processes are gone."""
        pid = self.postgres.pid
        if pid is None:
            return
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        os.kill(pid, number)
        psutil.wait_procs(family, timeout=20)
        self.postgres.kill()

    def forget_redis(self) -> None:
        """Remove what the stopped Valkey has on disk."""
        for file in (self.folder / "valkey" / "data").iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    def keep(self, folder: Path | None) -> None:
        """Copy the ledgers and the processes' logs there, for whoever wants to know more."""
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for file in (*self.folder.glob("*.log"), *self.ledgers.iterdir()):
            shutil.copy(file, folder)

    def _proxy(self, port: Callable[[], int]) -> Proxy:
        return self._background.call(Proxy(self._background.loop, lambda: (HOST, port())).listen())


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{HOST}:{port}"))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
