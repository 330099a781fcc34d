"""The embedded stack's command line."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from workers.local import environment as environments
from workers.local import stack
from workers.local.demo import demo as run_demo
from workers.local.demo import tell_cli
from workers.local.doctor import examine
from workers.local.exceptions import LocalStackError
from workers.local.findings import Verdict
from workers.local.home import Home, home
from workers.local.supervisor import ProcessState

console = Console(highlight=False)
_GLANCE_SECONDS = 2.0
_COLORS = {Verdict.FINE: "green", Verdict.NOTE: "yellow", Verdict.WRONG: "red"}


class SpeakingGroup(click.Group):
    """A group whose commands end with a sentence and exit code 1 when the stack cannot do what was asked."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LocalStackError as error:
            console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
            console.print(str(error), markup=False)
            sys.exit(1)


@click.group(cls=SpeakingGroup)
def main() -> None:
    """The embedded stack: PostgreSQL, Valkey, a language model and the platform's processes on this machine."""


@main.command()
@click.option("--detach", is_flag=True, help="Return once it runs; `down` stops it.")
def up(detach: bool) -> None:
    """Start the stack and stay in the foreground; Ctrl-C stops it."""
    place = home()
    started = stack.up(place, say=console.print)
    show_addresses(started.environment)
    if place.demo.exists():
        tell_cli(place, started.environment)
    else:
        console.print("There is no account yet: `make demo` makes one, and an example with it.")
    if detach:
        return
    console.print("Ctrl-C stops the stack. Logs: " + str(place.logs))
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        _watch(place)
    except KeyboardInterrupt:
        console.print("\nStopping …")
    finally:
        stack.down(place)


@main.command()
def demo() -> None:
    """Start the stack, make the example and run it; `down` stops the stack."""
    run_demo(home(), console)


@main.command()
def down() -> None:
    """Stop the stack and whatever is left of an earlier one."""
    left = stack.down(home())
    console.print("Stopped." + (f" {left} processes were left over and have been ended." if left else ""))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def status(as_json: bool) -> None:
    """Show the stack's processes and addresses; exit code 1 when one of them does not run."""
    place = home()
    states = stack.states(place)
    environment = environments.saved(place)
    if as_json:
        print(json.dumps({"processes": [vars(state) for state in states], "addresses": addresses(environment)}))
    else:
        console.print(_table(states))
        show_addresses(environment)
    sys.exit(0 if all(state.state == "RUNNING" for state in states) else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(as_json: bool) -> None:
    """Say in words what is wrong; exit code 1 when something is."""
    findings = list(examine(home()))
    if as_json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            console.print(f"[{_COLORS[finding.verdict]}]{finding.verdict:5}[/]  [bold]{finding.part:10}[/] ", end="")
            console.print(finding.message, markup=False, soft_wrap=True)
    sys.exit(1 if any(finding.verdict is Verdict.WRONG for finding in findings) else 0)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a command in the stack's environment: `run python manage.py shell`."""
    environment = environments.saved(home())
    os.environ["PATH"] = environment["PATH"]
    os.execvpe(command[0], list(command), environment)  # noqa: S606


def addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """Where a person looks."""
    public = environment["CEF_PUBLIC_URL"]
    return {
        "admin": f"{public}/admin/",
        "api docs": f"{public}/api/docs/",
        "live": environment["CEF_LIVE_URL"],
        "flower": environment["CEF_FLOWER_URL"],
        "language model": environment["CEF_LOCAL_MODEL_URL"],
    }


def show_addresses(environment: Mapping[str, str]) -> None:
    """Print them."""
    table = Table.grid(padding=(0, 2))
    for name, url in addresses(environment).items():
        table.add_row(name, url)
    console.print(table)


def _table(states: list[ProcessState]) -> Table:
    table = Table("process", "state", "pid", "up", "log", box=None)
    for state in states:
        color = "green" if state.state == "RUNNING" else "red"
        pid = str(state.pid) if state.pid else ""
        table.add_row(state.name, f"[{color}]{state.state.lower()}[/]", pid, f"{state.uptime_s} s", state.log)
    return table


def _watch(place: Home) -> None:
    """Say what dies and comes back; raises LocalStackError when the supervisor itself is gone."""
    pids = {state.name: state.pid for state in stack.states(place)}
    while True:
        time.sleep(_GLANCE_SECONDS)
        for state in stack.states(place):
            if state.pid != pids[state.name] and state.state == "RUNNING":
                console.print(f"{state.name} was started again; see {state.log}")
            elif state.state == "FATAL":
                console.print(f"[red]{state.name} keeps dying and was given up; see {state.log}[/]")
            pids[state.name] = state.pid or pids[state.name]
