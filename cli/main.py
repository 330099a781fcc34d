"""The command `cef` and its groups."""

from typing import Any

import click

from cli.agents import agents
from cli.batches import batches, cancel_all, submit
from cli.budget import budget
from cli.caps import caps
from cli.client import cli_version
from cli.contexts import contexts
from cli.doctor import doctor
from cli.effects import effects, resolve
from cli.errors import ExitCode
from cli.retention import retention
from cli.run import run
from cli.runs import runs
from cli.schedules import schedules
from cli.session import Session
from cli.threads import threads
from cli.waits import waits


class Interruptible(click.Group):
    """Ends with 130 on Ctrl-C, as shells expect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)


@click.group(cls=Interruptible, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--profile", help="A profile of ~/.config/cef/config.toml.")
@click.version_option(cli_version(), prog_name="cef")
@click.pass_context
def cli(ctx: click.Context, profile: str | None) -> None:
    """Run agents and look at what they did and what they knew.

    \b
    The server: CEF_URL and CEF_API_KEY, else a profile, else the local stack of this checkout.
    Exit codes: 0 ok, 1 failure, 2 usage, 3 credential, 4 not found, 5 conflict,
                6 the run failed, 7 the run waits for a person, 130 interrupted.
    """
    ctx.obj = Session(profile)


for command in (effects, resolve, submit, cancel_all):
    runs.add_command(command)
for command in (run, runs, threads, batches, agents, contexts, waits, doctor, budget, caps, schedules, retention):
    cli.add_command(command)
