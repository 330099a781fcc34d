"""`make demo`: from nothing to a finished agent run, followed in the terminal."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.client import Client
from cli.errors import CliError
from cli.follow import follow_run
from cli.results import answer_text, raise_unless_succeeded, summary
from cli.target import Target
from cli.words import printable
from workers.local import environment as environments
from workers.local import example, stack
from workers.local.cluster import write_private
from workers.local.exceptions import LocalStackError
from workers.local.folders import PROJECT
from workers.local.home import Home

_PASSAGE_CHARACTERS = 420
_HEADINGS = re.compile(r"\A(\s*#+ [^\n]*\n+)+")


def demo(home: Home, console: Console) -> None:
    """Start the stack if it is not running, make the example, run it and show the way on.

    Raises LocalStackError, also for a run that fails.
    """
    environment = _running_stack(home, console)
    account = provision(home, environment)
    target = Target(environment["CEF_PUBLIC_URL"], account["api_key"], environment["CEF_LIVE_URL"], "the demo")
    try:
        with Client(target) as client:
            run = _run_example(client, console)
            _show_answer(client, run, console)
    except CliError as error:
        raise LocalStackError(f"{error}\nThe logs are in {home.logs}; `make doctor` looks at everything.") from error
    _show_the_way_on(run, account, environment, console)


def provision(home: Home, environment: Mapping[str, str]) -> dict[str, str]:
    """The demo's account, which `cef` finds too."""
    command = [sys.executable, "-m", "workers.local.provision"]
    made = subprocess.run(command, cwd=PROJECT, env=dict(environment), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise LocalStackError(f"The demo's account could not be made:\n{made.stderr.strip()}")
    tell_cli(home, environment)
    account: dict[str, str] = json.loads(home.demo.read_text())
    return account


def tell_cli(home: Home, environment: Mapping[str, str]) -> None:
    """Let `cef` find the demo's key at the addresses of this start, whose ports may have moved."""
    target = {"url": environment["CEF_PUBLIC_URL"], "live_url": environment["CEF_LIVE_URL"]}
    key = json.loads(home.demo.read_text())["api_key"]
    write_private(home.cli, json.dumps(target | {"api_key": key}) + "\n")


def _running_stack(home: Home, console: Console) -> Mapping[str, str]:
    if stack.is_complete(home):
        console.print("The stack is running already.")
        return environments.saved(home)
    return stack.up(home, say=console.print).environment


def _run_example(client: Client, console: Console) -> dict[str, Any]:
    model = example.ensure_model(client)
    _ingest(client, console)
    agent = example.publish_agent(client, model)
    console.print(f"\n[bold]{example.QUESTION}[/]  [dim]asked of {agent}, a run by POST /api/v1/runs[/]")
    run = client.submit({"agent": agent, "input": example.QUESTION}, streaming=True)
    finished = follow_run(client, run["id"], console)
    raise_unless_succeeded(finished)
    return finished


def _ingest(client: Client, console: Console) -> None:
    """Show the documents going in, as the API tells it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    context_id = example.ensure_context(client)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Reading docs/ into the context")
        for job in example.ingest(client, context_id, PROJECT / "docs"):
            progress.update(bar, total=job["total"], completed=job["done"] + job["skipped"] + job["failed"])
    if job["failed"]:
        console.print(f"[yellow]{job['failed']} documents could not be read.[/]")


def _show_answer(client: Client, run: dict[str, Any], console: Console) -> None:
    console.print(Panel(escape(printable(answer_text(run))), title="The answer", border_style="green"))
    console.print("It rests on these passages:")
    for passage in example.passages(client, run["id"]):
        text = printable(_HEADINGS.sub("", passage["text"]).strip())
        short = text if len(text) <= _PASSAGE_CHARACTERS else text[:_PASSAGE_CHARACTERS] + " …"
        console.print(Panel(escape(short), title=escape(printable(str(passage["title"]))), border_style="dim"))
    console.print(summary(run))


def _show_the_way_on(
    run: dict[str, Any], account: Mapping[str, str], environment: Mapping[str, str], console: Console
) -> None:
    public = environment["CEF_PUBLIC_URL"]
    console.print(
        f"""
The model is tiny (135 million parameters) so that it runs anywhere; judge the passages, not its prose. A real one is
one row: admin, Providers, or docs/howto/use-a-real-model.md. Then publish the agent again with its name.

[bold]Where to look next[/]
  This run   {run["links"]["admin"]}
  Admin      {public}/admin/   {account["email"]}  {account["password"]}
  API        {public}/api/docs/
  Workers    {environment["CEF_FLOWER_URL"]}   (the same sign-in)
  Ask more   .venv/bin/cef run {example.AGENT} "How does a tool declare its effect?"
  Stop       make down""",
        soft_wrap=True,
    )
