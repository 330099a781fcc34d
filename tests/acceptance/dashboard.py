"""The dashboard's processes for tests: a real web, a real Flower and a real worker, on ports of their own."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.db import connection

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PAGE = {"Accept": "text/html,application/xhtml+xml"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Ports:
    """Where this test's web and Flower listen, and the secrets that they share."""

    web: int = field(default_factory=_free_port)
    flower: int = field(default_factory=_free_port)
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookie_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    metrics_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    session_seconds: int = 60

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    @property
    def flower_url(self) -> str:
        return f"http://127.0.0.1:{self.flower}"

    def environment(self) -> dict[str, str]:
        """Of every process; the last variable would open Flower's API if Flower alone decided."""
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "CEF_PUBLIC_URL": self.web_url,
            "CEF_FLOWER_PLATFORM_URL": f"http://localhost:{self.web}",
            "CEF_FLOWER_URL": self.flower_url,
            "CEF_FLOWER_PORT": str(self.flower),
            "CEF_FLOWER_CLIENT_SECRET": self.client_secret,
            "CEF_FLOWER_COOKIE_SECRET": self.cookie_secret,
            "CEF_FLOWER_METRICS_TOKEN": self.metrics_token,
            "CEF_FLOWER_SESSION_SECONDS": str(self.session_seconds),
            "FLOWER_UNAUTHENTICATED_API": "true",
            "FLOWER_AUTH": "",
        }


@contextmanager
def running(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of ours, ended at the end."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def flower(ports: Ports) -> Iterator[httpx.Client]:
    """Flower, and a client that follows no redirect."""
    with (
        running("-m", "config.flower", environment=ports.environment()),
        httpx.Client(base_url=ports.flower_url) as http,
    ):
        eventually(lambda: _answers(ports.flower))
        yield http


@contextmanager
def web(ports: Ports) -> Iterator[None]:
    """The platform, on the test's own database."""
    environment = ports.environment() | {"DATABASE_URL": database_url()}
    command = ("-m", "granian", "--interface", "wsgi", "--port", str(ports.web), "--no-access-log")
    with running(*command, "config.wsgi:application", environment=environment):
        eventually(lambda: _answers(ports.web))
        yield


@contextmanager
def worker(ports: Ports, name: str) -> Iterator[None]:
    """A worker that serves a queue without work."""
    command = ("-m", "celery", "-A", "config", "worker", "-P", "solo", "-Q", "ops", "-n", name)
    with running(*command, "--without-gossip", "--without-mingle", environment=ports.environment()):
        yield


def database_url() -> str:
    """The database of this test process, as a URL."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
