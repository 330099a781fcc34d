"""`cef run`: submit a run and follow it to its end."""

import base64
import json
import mimetypes
import sys
from pathlib import Path
from typing import Any

import click

from cli.client import Client
from cli.errors import UsageProblem
from cli.feed import POLLING, run_events
from cli.follow import follow_run, needs_somebody
from cli.output import messages, print_json, print_text
from cli.pairs import pairs_of
from cli.results import raise_unless_succeeded, show_result
from cli.session import Session, json_option, pass_session


@click.command()
@click.argument("agent")
@click.argument("text", metavar="INPUT|-")
@click.option("--json-input", is_flag=True, help="INPUT is JSON, not text.")
@click.option(
    "files", "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
    help="A file or image that belongs to the input; may be repeated.",
)  # fmt: skip
@click.option("thread_id", "--thread", help="The id of the conversation to continue.")
@click.option(
    "--strategy", type=click.Choice(["reject", "enqueue", "interrupt", "rollback"]),
    help="What happens while another run of the conversation has not ended; reject unless told.",
)  # fmt: skip
@click.option("pairs", "--metadata", metavar="KEY=VALUE", multiple=True, help="To find the run by; may be repeated.")
@click.option("--detach", is_flag=True, help="Print the run's id and do not wait for its end.")
@json_option
@pass_session
def run(session: Session, /, agent: str, text: str, detach: bool, as_json: bool, **given: Any) -> None:
    """Run AGENT (a slug, slug@3 or slug@label) on INPUT; - reads it from standard input.

    Follows the run and prints its answer. The run goes on when you interrupt.
    """
    body = {"agent": agent, "input": given_input(text, given["json_input"])} | _optional(given)
    with session.client() as client:
        submitted = client.submit(body, streaming=not detach)
        if not detach:
            watch(client, submitted["id"], as_json=as_json)
        elif as_json:
            print_json(submitted)
        else:
            print_text(submitted["id"])


def watch(client: Client, run_id: str, *, as_json: bool, after: int = 0) -> None:
    """Follow a run to its end, show it, and fail as it failed."""
    try:
        finished = (
            _print_events(client, run_id, after) if as_json else follow_run(client, run_id, messages(), after=after)
        )
    except KeyboardInterrupt:
        messages().print(f"The run goes on. Follow it: cef runs follow {run_id}   Stop it: cef runs cancel {run_id}")
        raise
    if not as_json:
        show_result(finished, messages())
    raise_unless_succeeded(finished)


def _print_events(client: Client, run_id: str, after: int) -> dict[str, Any]:
    """Each event as a line of JSON with its `type`, text as `delta`, and last the whole run as `run`."""
    run: dict[str, Any] = client.get(f"/runs/{run_id}")
    for event in run_events(client, run, after=after):
        if event is POLLING:
            messages().print("The live server does not answer; asking for news every second.")
        elif event.name != "done":
            print_json({"type": event.name, **event.data})
        if needs_somebody(client, run_id, event):
            break
    run = client.get(f"/runs/{run_id}")
    print_json({"type": "run", "run": run})
    return run


def given_input(text: str, is_json: bool) -> Any:
    """What an argument says: text, or JSON; `-` reads it from standard input. Raises UsageProblem."""
    if text == "-":
        text = _standard_input()
    if not is_json:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageProblem(f"The input is not JSON: {error}") from error


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise UsageProblem(f"Standard input is not UTF-8 text: {error}") from error


def _optional(given: dict[str, Any]) -> dict[str, Any]:
    """What the caller said beyond agent and input."""
    optional = {
        "thread_id": given["thread_id"],
        "multitask_strategy": given["strategy"],
        "metadata": pairs_of(given["pairs"]),
        "files": [_file(path) for path in given["files"]],
    }
    return {name: value for name, value in optional.items() if value}


def _file(path: Path) -> dict[str, str]:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"name": path.name, "media_type": media_type, "data": base64.b64encode(path.read_bytes()).decode()}
