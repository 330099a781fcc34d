"""`cef budget`: what the workspace may spend in a month, and what it has spent."""

from typing import Any

import click

from cli.output import print_json, print_table
from cli.session import Session, json_option, pass_session


@click.group()
def budget() -> None:
    """Look at the workspace's monthly budget, or set it."""


@budget.command()
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """Show the ceilings and this month's spending."""
    with session.client() as client:
        _print(client.get("/budget"), as_json)


@budget.command("set")
@click.option("--tokens", type=click.IntRange(min=1), help="Tokens in and out together, per calendar month (UTC).")
@click.option("--usd", help="USD per calendar month, such as 200.00.")
@json_option
@pass_session
def set_(session: Session, tokens: int | None, usd: str | None, as_json: bool) -> None:
    """Set the ceilings; one that is not named is taken away."""
    if tokens is None and usd is None:
        raise click.UsageError("Name --tokens or --usd; `cef budget remove` takes both away.")
    with session.client() as client:
        _print(client.put("/budget", {"token_limit": tokens, "usd_limit": usd}), as_json)


@budget.command()
@pass_session
def remove(session: Session) -> None:
    """Take the ceilings away."""
    with session.client() as client:
        client.delete("/budget")


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "": name,
            "limit": "none" if found[f"{key}_limit"] is None else str(found[f"{key}_limit"]),
            "spent": str(found[f"{plural}_spent"]),
            "reserved": str(found[f"{plural}_reserved"]),
        }
        for name, key, plural in (("tokens", "token", "tokens"), ("USD", "usd", "usd"))
    ]
    print_table(rows, empty="")
