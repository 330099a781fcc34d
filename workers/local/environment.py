"""The environment of the stack's processes: ports that are free, secrets, and the user's own wishes over defaults."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.local.cluster import write_private
from workers.local.credentials import credentials
from workers.local.exceptions import LocalStackError
from workers.local.folders import data_home
from workers.local.home import Home
from workers.local.ports import HOST, first_free
from workers.local.postgres import PostgresServer
from workers.local.valkey import ValkeyServer

PORTS: Mapping[str, int] = {
    "CEF_WEB_PORT": 8000,
    "CEF_LIVE_PORT": 8001,
    "CEF_FLOWER_PORT": 5555,
    "CEF_POSTGRES_PORT": 25432,
    "CEF_VALKEY_PORT": 26379,
    "CEF_LLM_PORT": 8012,
}
DEFAULTS: Mapping[str, str] = {
    "CEF_WEB_WORKERS": "2",
    "CEF_WEB_THREADS": "8",
    "CEF_LIVE_WORKERS": "1",
    "CEF_RUN_SLOTS": "500",
    "CEF_BATCH_PROCESSES": "2",
    "CEF_ALLOW_PRIVATE_PROVIDERS": "true",
}


@dataclass(frozen=True)
class Moved:
    """A port that was taken, and where its server went."""

    name: str
    wished: int
    port: int


def choose_ports(wishes: Mapping[str, str]) -> tuple[dict[str, int], list[Moved]]:
    """A free port for each server: the environment's or the default, or the next free one above it."""
    wished = {name: _port(name, wishes.get(name), default) for name, default in PORTS.items()}
    chosen: dict[str, int] = {}
    for name, wish in wished.items():
        others = {port for other, port in wished.items() if other != name} | set(chosen.values())
        chosen[name] = first_free(wish, others - {wish} | set(chosen.values()))
    return chosen, [Moved(name, wished[name], port) for name, port in chosen.items() if port != wished[name]]


def build(home: Home, ports: Mapping[str, int], user: Mapping[str, str]) -> dict[str, str]:
    """Everything a process of the stack reads. The user's DATABASE_URL, REDIS_URL and tunables win over ours."""
    data = data_home(home.root)
    urls = {"CEF_PUBLIC_URL": "CEF_WEB_PORT", "CEF_LIVE_URL": "CEF_LIVE_PORT", "CEF_FLOWER_URL": "CEF_FLOWER_PORT"}
    ours = dict(DEFAULTS) | credentials(home.credentials).environment()
    ours |= {name: f"http://{HOST}:{ports[port]}" for name, port in urls.items()}
    ours |= {"CEF_LOCAL_MODEL_URL": f"http://{HOST}:{ports['CEF_LLM_PORT']}/v1"}
    ours |= _servers(data, ports, user)
    forced = {name: str(port) for name, port in ports.items()}
    forced |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "CEF_STACK_ID": ours["CEF_STACK_ID"],
        "CEF_HOME": str(home.root),
        "CEF_DATA_HOME": str(data),
        "CEF_BIND": HOST,
        "PYTHONUNBUFFERED": "1",
        "CEF_FLOWER_ADDRESS": HOST,
        "CEF_BEAT_SCHEDULE": str(home.root / "beat-schedule"),
        "STATIC_ROOT": str(home.root / "static"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{user.get('PATH', os.defpath)}",
    }
    return ours | dict(user) | forced


def save(home: Home, environment: Mapping[str, str], user: Mapping[str, str]) -> None:
    """Keep what differs from the user's own environment, for the commands that come later."""
    added = {name: value for name, value in environment.items() if user.get(name) != value or name.startswith("CEF_")}
    write_private(home.environment, json.dumps(added, indent=2, sort_keys=True) + "\n")


def saved(home: Home) -> dict[str, str]:
    """The environment of the last start over the present one; raises LocalStackError before the first."""
    try:
        kept: dict[str, str] = json.loads(home.environment.read_text())
    except FileNotFoundError:
        raise LocalStackError("The stack has never been started here; run `make up` or `make demo`.") from None
    return dict(os.environ) | kept


def _servers(data: Path, ports: Mapping[str, int], user: Mapping[str, str]) -> dict[str, str]:
    urls: dict[str, str] = {}
    if not user.get("DATABASE_URL"):
        postgres = PostgresServer(data / "postgres", ports["CEF_POSTGRES_PORT"])
        urls |= {"DATABASE_URL": postgres.url, "DATABASE_OWNER_URL": postgres.owner_url}
    if not user.get("REDIS_URL"):
        urls["REDIS_URL"] = ValkeyServer(data / "valkey", ports["CEF_VALKEY_PORT"]).url
    return urls


def _port(name: str, wish: str | None, default: int) -> int:
    if not wish:
        return default
    if not wish.isdigit() or not 0 < int(wish) < 65536:
        raise LocalStackError(f"{name} must be a port number, not {wish!r}.")
    return int(wish)
