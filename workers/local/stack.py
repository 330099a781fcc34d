"""Start and stop the whole embedded stack: servers, then the schema, then the platform's processes."""

import fcntl
import http.client
import os
import subprocess
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from workers.local import environment as environments
from workers.local.credentials import credentials
from workers.local.declaration import PLATFORM, PROCESSES
from workers.local.environment import Moved
from workers.local.exceptions import AlreadyRunning, LocalStackError, NotReady, ServerDidNotStart
from workers.local.home import Home
from workers.local.leftovers import end_all
from workers.local.preparation import prepare
from workers.local.processes import tail
from workers.local.readiness import await_answer, await_http, await_postgres, await_redis
from workers.local.supervisor import ProcessState, Supervisor, configuration, launch, recorded_pid

_SUPERVISOR_SECONDS = 20.0
_SERVER_SECONDS = 90.0
_PLATFORM_SECONDS = 120.0
_STOP_SECONDS = 90.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Started:
    """What a start led to."""

    environment: Mapping[str, str]
    moved: list[Moved]


def up(home: Home, *, say: Say) -> Started:
    """Start everything and return when web and live answer; raises LocalStackError and then leaves nothing running."""
    home.create()
    with _alone(home):
        stack_id = credentials(home.credentials).stack_id
        if is_complete(home):
            raise AlreadyRunning("The stack is already running; `make status` shows it, `make down` stops it.")
        if _stop(home, stack_id):
            say("Ended what was left of an earlier start.")
        user = dict(os.environ)
        ports, moved = environments.choose_ports(user)
        for move in moved:
            say(f"{move.name}: port {move.wished} is taken, using {move.port}.")
        environment = environments.build(home, ports, user)
        environments.save(home, environment, user)
        try:
            _start(home, environment, user, say)
        except BaseException:
            _stop(home, stack_id)
            raise
    return Started(environment, moved)


def down(home: Home) -> int:
    """Stop everything and return how many processes had to be ended that the supervisor no longer knew."""
    if not home.credentials.exists():
        return 0
    with _alone(home):
        return _stop(home, credentials(home.credentials).stack_id)


def is_running(home: Home, stack_id: str) -> bool:
    """Whether this stack's supervisor lives; its pid alone proves nothing after a reboot."""
    pid = recorded_pid(home)
    try:
        return pid is not None and psutil.Process(pid).environ().get("CEF_STACK_ID") == stack_id
    except psutil.Error:
        return False


def is_complete(home: Home) -> bool:
    """Whether this stack runs and its start was not cut short before the platform's processes."""
    try:
        return all(state.state != "STOPPED" for state in states(home))
    except (LocalStackError, OSError, http.client.HTTPException, xmlrpc.client.Error):
        return False


def states(home: Home) -> list[ProcessState]:
    """Of every process; raises LocalStackError when the stack is not running."""
    if not home.credentials.exists() or not is_running(home, credentials(home.credentials).stack_id):
        raise LocalStackError("The stack is not running; `make up` or `make demo` starts it.")
    return Supervisor(home).states()


def _start(home: Home, environment: Mapping[str, str], user: Mapping[str, str], say: Say) -> None:
    processes = [process for process in PROCESSES if not (process.embedded and user.get(process.embedded))]
    home.configuration.write_text(configuration(home, processes, environment))
    say("Starting " + ", ".join(process.name for process in processes if process not in PLATFORM) + " …")
    running = launch(home, environment)
    supervisor = Supervisor(home)
    _await_supervisor(home, supervisor, running)
    _await_servers(home, environment)
    say("Bringing the database and the static files up to date …")
    prepare(environment)
    say("Starting " + ", ".join(process.name for process in PLATFORM) + " …")
    supervisor.start_platform()
    for name in ("CEF_PUBLIC_URL", "CEF_LIVE_URL"):
        await_http(f"{environment[name]}/healthz", _PLATFORM_SECONDS)


def _await_supervisor(home: Home, supervisor: Supervisor, running: subprocess.Popen[bytes]) -> None:
    try:
        await_answer(
            lambda: None if supervisor.answers() else "its socket is silent",
            _SUPERVISOR_SECONDS,
            what="The supervisor",
            alive=lambda: running.poll() is None,
        )
    except NotReady as error:
        raise ServerDidNotStart(f"{error}\n{tail(home.logs / 'supervisord.out')}") from error


def _await_servers(home: Home, environment: Mapping[str, str]) -> None:
    try:
        await_postgres(environment["DATABASE_URL"], _SERVER_SECONDS)
        await_redis(environment["REDIS_URL"], _SERVER_SECONDS)
    except NotReady as error:
        logs = "\n".join(tail(home.logs / f"{name}.log") for name in ("postgres", "valkey"))
        raise ServerDidNotStart(f"{error}\n{logs}") from error


def _stop(home: Home, stack_id: str) -> int:
    if is_running(home, stack_id):
        _shut_down(home)
    return end_all(stack_id)


def _shut_down(home: Home) -> None:
    """Ask the supervisor, which stops the platform before the servers; a deaf one is ended with the leftovers."""
    pid = recorded_pid(home)
    try:
        Supervisor(home).shut_down()
        psutil.Process(pid).wait(_STOP_SECONDS)
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, psutil.Error):
        return


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One start or stop at a time; raises AlreadyRunning while another command is at it."""
    with home.lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("Another command is starting or stopping this stack right now.") from None
        yield
