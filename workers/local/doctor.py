"""`make doctor`: every check of the machine and of what runs on it, in the order in which one would look."""

import os
from collections.abc import Iterator, Mapping

from workers.local import environment as environments
from workers.local import health, machine, stack
from workers.local.credentials import credentials
from workers.local.exceptions import LocalStackError
from workers.local.findings import Finding, note, wrong
from workers.local.home import Home
from workers.local.leftovers import processes_of


def examine(home: Home) -> Iterator[Finding]:
    """All findings, fine ones too."""
    user = dict(os.environ)
    home.create()
    yield machine.python()
    yield from machine.wheels()
    yield from machine.servers(home, user)
    yield machine.disk(home)
    stack_id = credentials(home.credentials).stack_id
    running = stack.is_running(home, stack_id)
    if running:
        yield from health.processes(home, stack.states(home))
    else:
        yield from _idle(stack_id, user)
    yield from _servers(home, user, running=running)


def _idle(stack_id: str, user: Mapping[str, str]) -> Iterator[Finding]:
    yield note("stack", "It is not running; `make up` or `make demo` starts it.")
    left = [str(process.pid) for process in processes_of(stack_id)]
    if left:
        yield wrong("stack", f"Processes {', '.join(left)} are left of an earlier start; `make down` ends them.")
    yield from machine.ports(user)


def _servers(home: Home, user: Mapping[str, str], *, running: bool) -> Iterator[Finding]:
    """The user's own servers are looked at in any case, the embedded ones while they run."""
    urls = {name: user[name] for name in ("DATABASE_URL", "REDIS_URL") if user.get(name)}
    if running:
        urls = environments.saved(home) | urls
    try:
        if "DATABASE_URL" in urls:
            yield from health.database(urls["DATABASE_URL"])
        if "REDIS_URL" in urls:
            yield health.doorbell(urls["REDIS_URL"])
    except (LocalStackError, ValueError) as error:
        yield wrong("settings", str(error))
