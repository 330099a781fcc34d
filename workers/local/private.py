"""A stack of real processes on ports of its own, for acceptance tests and benchmarks: start, kill, look at the logs."""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx
import psutil

from workers.local.folders import make_folder
from workers.local.ports import HOST, free_port
from workers.local.postgres import PostgresServer
from workers.local.processes import die_with_parent
from workers.local.valkey import ValkeyServer

T = TypeVar("T")

ROOT: Final = Path(__file__).resolve().parents[2]
QUICK: Final = {"CEF_LEASE_SECONDS": "2", "CEF_HEARTBEAT_SECONDS": "0.5", "CEF_POLL_SECONDS": "0.5"}
"""Leases short enough for a test to wait for their end."""

_START_SECONDS = 60.0


class PrivateStack:
    """Servers and processes below one temporary folder; everything ends with `stop`, or with this process.

    `settings` are environment variables on top of the stack's own.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, fsync: bool = False) -> None:
        self.folder = make_folder(Path(tempfile.mkdtemp(prefix="cef-private-")))
        self.postgres = PostgresServer(self.folder / "postgres", fsync=fsync)
        self.valkey = ValkeyServer(self.folder / "valkey", persistent=False)
        self.web_port, self.live_port = free_port(), free_port()
        self._settings = dict(settings or {})
        self._secrets = {
            "SECRET_KEY": secrets.token_urlsafe(32),
            "CEF_ENCRYPTION_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "CEF_API_KEY_PEPPER": secrets.token_urlsafe(32),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def web_url(self) -> str:
        return f"http://{HOST}:{self.web_port}"

    @property
    def live_url(self) -> str:
        return f"http://{HOST}:{self.live_port}"

    def environment(self) -> dict[str, str]:
        """Of every process of the stack."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": self.postgres.url,
            "DATABASE_OWNER_URL": self.postgres.owner_url,
            "REDIS_URL": self.valkey.url,
            "CEF_PUBLIC_URL": self.web_url,
            "CEF_LIVE_URL": self.live_url,
            **self._secrets,
            **self._settings,
        }

    def start_servers(self) -> Self:
        """PostgreSQL and Valkey, and the tables."""
        self.postgres.start(dies_with_parent=True)
        self.valkey.start(dies_with_parent=True)
        self.manage("migrate", "--verbosity", "0", settings="config.settings.owner")
        return self

    def seed(self, spec: Mapping[str, Any], *, module: str = "workers.local.seeding") -> str:
        """A workspace with a scripted agent (see seeding.py), or what another module makes; its API key's text."""
        printed = self._run("-m", module, text=json.dumps(spec))
        return str(json.loads(printed.splitlines()[-1])["api_key"])

    def manage(self, *arguments: str, settings: str = "config.settings.test") -> str:
        """Run a management command to its end; what it printed. Raises with its words when it fails."""
        return self._run("manage.py", *arguments, settings=settings)

    def start_web(self, *, workers: int = 1, threads: int = 8) -> None:
        """The REST API; returns when it answers."""
        arguments = ("--interface", "wsgi", "--host", HOST, "--port", str(self.web_port), "--no-access-log")
        sizes = ("--workers", str(workers), "--blocking-threads", str(threads), "--log-level", "warning")
        self.spawn("web", "granian", *arguments, *sizes, "config.wsgi:application")
        wait_for(lambda: _answers(f"{self.web_url}/healthz"), "web", self._log("web"))

    def start_live(self) -> None:
        """The event streams; returns when they answer."""
        arguments = ("--host", HOST, "--port", str(self.live_port), "--log-level", "warning", "--no-access-log")
        self.spawn("live", "uvicorn", *arguments, "config.asgi:application")
        wait_for(lambda: _answers(f"{self.live_url}/healthz"), "live", self._log("live"))

    def start_runs(
        self, name: str = "runs", *, slots: int = 100, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A process that executes runs. It works when it has claimed something; nothing is awaited here."""
        flags = ("--disable-prefetch", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
        return self._worker(name, "runs", "-P", "threads", "-c", str(slots), *flags, env=env)

    def start_quarantine(self, name: str = "quarantine") -> subprocess.Popen[bytes]:
        """A process that executes suspects, one at a time."""
        flags = ("--disable-prefetch", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
        return self._worker(name, "quarantine", "-P", "threads", "-c", "1", *flags)

    def start_batch(self, name: str = "batch") -> subprocess.Popen[bytes]:
        """A process that executes batch work, in two children."""
        return self._worker(
            name, "batch", "-P", "prefork", "-c", "2", "-O", "fair", "--without-mingle", "--without-gossip"
        )

    def start_ops(self, name: str = "ops") -> subprocess.Popen[bytes]:
        """A process for housekeeping."""
        return self._worker(name, "ops", "-P", "threads", "-c", "4", "--without-mingle", "--without-gossip")

    def spawn(
        self, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `python -m module …` under a name, with variables of its own; its output goes to the name's log."""
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=self.environment() | dict(env or {}),
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent,
            )
        return self._processes[name]

    def is_running(self, name: str) -> bool:
        """Whether a process of this name was started and not ended."""
        return name in self._processes

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children, as an OOM killer or a power cut would."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def terminate(self, name: str, *, within_s: float = 40.0) -> int:
        """SIGTERM, and the exit code once the process has left."""
        process = self._processes.pop(name)
        process.terminate()
        return process.wait(timeout=within_s)

    def stop(self) -> None:
        """End everything and remove the folder."""
        for name in list(self._processes):
            self.kill(name)
        self.valkey.kill()
        self.postgres.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        """What a process has printed so far."""
        return self._log(name).read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """CPU time of the Python processes that live, with their children."""
        return sum(self.cpu_seconds_by_process().values())

    def cpu_seconds_by_process(self) -> dict[str, float]:
        """The same for each of them, by its name."""
        return {name: _cpu(process.pid) for name, process in self._processes.items() if process.poll() is None}

    def memory_mb(self, name: str) -> float:
        """Resident memory of a process."""
        return float(psutil.Process(self._processes[name].pid).memory_info().rss) / 1e6

    def _run(self, *arguments: str, text: str = "", settings: str = "config.settings.test") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment() | {"DJANGO_SETTINGS_MODULE": settings},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _worker(
        self, name: str, queue: str, *flags: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        return self.spawn(name, "celery", "-A", "config", "worker", "-Q", queue, "-n", f"{name}@%h", *flags, env=env)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def wait_for(question: Callable[[], T], what: str, log: Path | None = None, *, within_s: float = _START_SECONDS) -> T:
    """The first true answer; raises TimeoutError with the end of the log."""
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            printed = log.read_text(errors="replace")[-4000:] if log is not None and log.exists() else ""
            raise TimeoutError(f"{what}: not within {within_s} s.\n{printed}")
        time.sleep(0.02)
    return answer


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def _cpu(pid: int) -> float:
    process = psutil.Process(pid)
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return float(sum(time.user + time.system for time in times))
