"""`cef batches`, and the commands of `cef runs` that act on many: submit a file, cancel by filter."""

import json
from typing import Any, TextIO

import click

from cli import submission, words
from cli.errors import UsageProblem
from cli.output import messages, print_json, print_table, print_text
from cli.pairs import pairs_of
from cli.session import Session, json_option, limit_option, pass_session

batch_argument = click.argument(
    "batch_id", metavar="ID", callback=lambda _ctx, _parameter, value: str(value), type=click.UUID
)
metadata_option = click.option(
    "pairs", "--metadata", metavar="KEY=VALUE", multiple=True, help="To find it by; may be repeated."
)


@click.group()
def batches() -> None:
    """Look at batches of runs and stop them."""


@batches.command("list")
@limit_option
@json_option
@pass_session
def list_batches(session: Session, limit: int, as_json: bool) -> None:
    """List batches, the newest first."""
    with session.client() as client:
        rows = list(client.rows("/batches", {}, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(batch) for batch in rows], empty="There are no batches.")


@batches.command()
@batch_argument
@click.option("--follow", is_flag=True, help="Wait until it has ended.")
@json_option
@pass_session
def show(session: Session, batch_id: str, follow: bool, as_json: bool) -> None:
    """Show how far a batch is."""
    with session.client() as client:
        batch = client.get(f"/batches/{batch_id}")
        if follow:
            (batch,) = submission.watch(client, [batch], messages())
    if as_json:
        print_json(batch)
    else:
        _show(batch)
    if follow:
        submission.raise_unless_all_succeeded([batch])


@batches.command()
@batch_argument
@json_option
@pass_session
def cancel(session: Session, batch_id: str, as_json: bool) -> None:
    """Stop every run of a batch that has not ended."""
    with session.client() as client:
        _tell(client.post(f"/batches/{batch_id}/cancel"), as_json)


@click.command("submit")
@click.option(
    "--file", "file", type=click.File(encoding="utf-8"), required=True, help="JSON lines; - is standard input."
)
@click.option("--agent", required=True, help="A slug, slug@3 or slug@label.")
@metadata_option
@click.option("--detach", is_flag=True, help="Print the batches' ids and do not wait for their end.")
@json_option
@pass_session
def submit(session: Session, /, file: TextIO, agent: str, pairs: tuple[str, ...], detach: bool, as_json: bool) -> None:
    """Run an agent on every line of a file, and wait until all have ended.

    \b
    A line is JSON text, or an object: {"input": any JSON, "metadata": {...}}.
    More than 1,000 lines become several batches.
    """
    items = submission.read_items(file)
    with session.client() as client:
        accepted = submission.submit(client, agent, items, pairs_of(pairs))
        if detach:
            _print_accepted(accepted, as_json)
            return
        try:
            ended = submission.watch(client, accepted, messages())
        except KeyboardInterrupt:
            ids = ", ".join(batch["id"] for batch in accepted)
            messages().print(f"The runs go on. Look: cef batches show ID   Stop them: cef batches cancel ID   ({ids})")
            raise
    for batch in ended:
        if as_json:
            print_json(batch)
        else:
            print_text(f"{batch['id']}  {submission.summary(batch)}")
    submission.raise_unless_all_succeeded(ended)


@click.command("cancel-all")
@click.option("--status", help="One state or several, comma separated: queued, running, waiting.")
@click.option("--agent", help="The agent's slug.")
@click.option("thread_id", "--thread", help="The conversation's id.")
@click.option("batch_id", "--batch", help="The batch's id.")
@click.option("schedule_id", "--schedule", help="The id of the schedule that started them.")
@click.option("created_after", "--after", help="Submitted at this time (ISO 8601) or later.")
@click.option("created_before", "--before", help="Submitted before this time (ISO 8601).")
@click.option("--metadata", help='JSON object that the run\'s metadata contains, such as {"ticket": "4711"}.')
@click.option("--maximum", default=1000, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@json_option
@pass_session
def cancel_all(
    session: Session, /, maximum: int, yes: bool, dry_run: bool, as_json: bool, **filters: str | None
) -> None:
    """Stop all runs that match, the oldest first."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    if not wanted:
        raise UsageProblem("Say which runs: at least one of the options that choose.")
    body = {"filter": wanted | _metadata(filters["metadata"]), "maximum": maximum}
    with session.client() as client:
        if dry_run or not yes:
            counted = client.post("/runs/cancel", body | {"dry_run": True})
            if dry_run:
                _tell(counted, as_json)
                return
            click.confirm(
                f"Stop {min(counted['matched'], maximum)} of {counted['matched']} runs?", abort=True, err=True
            )
        _tell(client.post("/runs/cancel", body), as_json)


def _metadata(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return {"metadata": json.loads(text)}
    except ValueError as error:
        raise UsageProblem(f"--metadata is not JSON: {error}") from error


def _tell(done: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    left = f" {done['remaining']} are left: repeat the command." if done["remaining"] else ""
    acted = f" {done['cancelled']} are cancelled, {done['requested']} are being stopped."
    counted_only = done["cancelled"] + done["requested"] == 0
    messages().print(f"{done['matched']} runs match." + ("" if counted_only else acted + left))


def _print_accepted(accepted: list[dict[str, Any]], as_json: bool) -> None:
    for batch in accepted:
        if as_json:
            print_json(batch)
        else:
            print_text(batch["id"])


def _row(batch: dict[str, Any]) -> dict[str, str]:
    usage = batch["usage"]
    return {
        "id": batch["id"],
        "created": words.ago(batch["created_at"]),
        "ended": f"{batch['ended']} of {batch['total']}",
        "states": submission.states(batch),
        "tokens": words.tokens(usage["input_tokens"], usage["output_tokens"]).removesuffix(" tokens"),
        "cost": words.usd(usage["cost_usd"]),
    }


def _show(batch: dict[str, Any]) -> None:
    print_text(f"{batch['id']}  {batch['ended']} of {batch['total']} ended  {words.when(batch['created_at'])}")
    print_text(submission.summary(batch))
    if batch["eta"]:
        print_text(f"done at about {words.when(batch['eta'])}")
    print_text(f"\n{batch['links']['admin']}")
