"""The processes of a deployment, declared once: Procfile, docker-compose.yml and the supervisor say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Literal

Needs = Literal["nothing", "postgres", "redis", "both"]


@dataclass(frozen=True)
class Process:
    """One long-lived process.

    `command` is a Procfile line: words, with `$NAME` for a variable of the environment. `needs` is what it waits for
    before it starts. `embedded` names the URL variable that, set by the user, makes the process unnecessary.
    """

    name: str
    command: str
    needs: Needs = "both"
    embedded: str | None = None
    stop_signal: str = "TERM"
    stop_seconds: int = 15

    def words(self, environment: Mapping[str, str]) -> list[str]:
        """The command line for this environment; raises KeyError for a variable that is not set."""
        return [Template(word).substitute(environment) for word in self.command.split()]


_WORKER = "celery -A config worker --without-mingle --without-gossip"

SERVERS = (
    Process("postgres", "python -m workers.local.serve postgres", "nothing", "DATABASE_URL", "INT", 30),
    Process("valkey", "python -m workers.local.serve valkey", "nothing", "REDIS_URL"),
    Process("llm", "python -m workers.local.llm $CEF_LLM_PORT", "nothing", "CEF_LOCAL_MODEL_URL"),
)

PLATFORM = (
    Process(
        "web",
        "granian --interface wsgi --host $CEF_BIND --port $CEF_WEB_PORT --workers $CEF_WEB_WORKERS "
        "--blocking-threads $CEF_WEB_THREADS --backlog 2048 config.wsgi:application",
        "postgres",
    ),
    Process(
        "live",
        "uvicorn --host $CEF_BIND --port $CEF_LIVE_PORT --workers $CEF_LIVE_WORKERS --backlog 4096 "
        "--timeout-graceful-shutdown 10 --no-access-log config.asgi:application",
        "postgres",
    ),
    Process(
        "runs",
        f"{_WORKER} -Q runs -n runs@%h -P threads -c $CEF_RUN_SLOTS --disable-prefetch",
        stop_seconds=40,
    ),
    Process(
        "quarantine",
        f"env CEF_TOOL_THREADS=4 {_WORKER} -Q quarantine -n quarantine@%h -P threads -c 1 --disable-prefetch",
        stop_seconds=40,
    ),
    Process("batch", f"{_WORKER} -Q batch -n batch@%h -P prefork -c $CEF_BATCH_PROCESSES -O fair", stop_seconds=60),
    Process("ops", f"{_WORKER} -Q ops -n ops@%h -P threads -c 4"),
    Process("beat", "celery -A config beat --schedule $CEF_BEAT_SCHEDULE --pidfile=", "redis"),
    Process("flower", "python -m config.flower", "redis"),
)

PROCESSES = SERVERS + PLATFORM


def procfile() -> str:
    """The text of Procfile."""
    return "".join(f"{process.name}: {process.command}\n" for process in PROCESSES)
