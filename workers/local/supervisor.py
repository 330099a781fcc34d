"""The supervisor (supervisord): its configuration from the declared processes, and a client for its socket."""

import configparser
import http.client
import io
import os
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor.xmlrpc import SupervisorTransport

from workers.local.declaration import PROCESSES, SERVERS, Process
from workers.local.folders import PROJECT
from workers.local.home import Home

_QUICK_DEATHS = 20
_SERVERS = "servers"
_PLATFORM = "platform"
_PRIORITY = {_SERVERS: "10", _PLATFORM: "100"}
_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor knows of one process; `state` is its word: RUNNING, BACKOFF, FATAL, ..."""

    name: str
    state: str
    pid: int
    uptime_s: int
    log: str


def configuration(home: Home, processes: Iterable[Process], environment: Mapping[str, str]) -> str:
    """An ini file without a secret: the processes inherit the supervisor's own environment.

    Servers start at once, the platform when it is told to; at the end the whole platform stops together and the servers
    after it. TERM goes to the main process only (Celery ends its children itself), KILL to its children too.
    """
    parser = configparser.RawConfigParser()
    parser["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        **({"user": "root"} if os.geteuid() == 0 else {}),
        "directory": str(PROJECT),
        "logfile": str(home.logs / "supervisord.log"),
        "pidfile": str(home.supervisor_pid),
    }
    parser["unix_http_server"] = {"file": str(home.socket), "chmod": "0700"}
    parser["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for group, members in _groups(processes).items():
        names = ",".join(process.name for process in members)
        parser[f"group:{group}"] = {"programs": names, "priority": _PRIORITY[group]}
        for process in members:
            parser[f"program:{process.name}"] = _program(home, process, environment)
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def launch(home: Home, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own: Ctrl-C in the terminal reaches only the command that waits."""
    with (home.logs / "supervisord.out").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(home.configuration)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            env=dict(environment),
            start_new_session=True,
        )


class Supervisor:
    """The running supervisor's socket. Calls raise OSError or xmlrpc.client.Error when nobody answers."""

    def __init__(self, home: Home) -> None:
        self._address = f"unix://{home.socket}"

    @property
    def _rpc(self) -> xmlrpc.client.ServerProxy:
        """A fresh connection for each call: one that failed once never recovers."""
        transport = SupervisorTransport(None, None, self._address)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self._rpc.supervisor.getState())
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def start_platform(self) -> None:
        """Start everything but the servers, without waiting."""
        self._rpc.supervisor.startProcessGroup(_PLATFORM, False)

    def shut_down(self) -> None:
        """Ask it to stop everything and end."""
        self._rpc.supervisor.shutdown()

    def states(self) -> list[ProcessState]:
        """Of every process, in the order of their start."""
        answer = self._rpc.supervisor.getAllProcessInfo()
        if not isinstance(answer, list):
            raise xmlrpc.client.ResponseError("The supervisor's answer is no list.")
        order = [process.name for process in PROCESSES]
        return [_state(row) for row in sorted(answer, key=lambda row: order.index(row["name"]))]


def _groups(processes: Iterable[Process]) -> dict[str, list[Process]]:
    groups: dict[str, list[Process]] = {}
    for process in processes:
        groups.setdefault(_SERVERS if process in SERVERS else _PLATFORM, []).append(process)
    return groups


def _state(row: Mapping[str, object]) -> ProcessState:
    running = row["statename"] == "RUNNING"
    uptime = int(str(row["now"])) - int(str(row["start"])) if running else 0
    return ProcessState(str(row["name"]), str(row["statename"]), int(str(row["pid"])), uptime, str(row["logfile"]))


def _program(home: Home, process: Process, environment: Mapping[str, str]) -> dict[str, str]:
    server = process in SERVERS
    gate = [] if server else ["python", "-m", "workers.local.gate", process.needs]
    command = [*gate, *process.words(environment)]
    return {
        "command": shlex.join(command).replace("%", "%%"),
        "directory": str(PROJECT),
        "autostart": "true" if server else "false",
        "autorestart": "true",
        "startsecs": "1",
        "startretries": str(_QUICK_DEATHS),
        "stopsignal": process.stop_signal,
        "stopwaitsecs": str(process.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(home.logs / f"{process.name}.log"),
        "stdout_logfile_maxbytes": str(_LOG_BYTES),
        "stdout_logfile_backups": "2",
    }


def recorded_pid(home: Home) -> int | None:
    """The supervisor's process id as it wrote it, dead or alive."""
    try:
        return int(home.supervisor_pid.read_text())
    except (FileNotFoundError, ValueError):
        return None
