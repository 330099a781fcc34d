"""`cef caps`: how many runs may be running at once."""

from typing import Any

import click

from cli.output import print_json, print_table
from cli.session import Session, json_option, limit_option, pass_session


@click.group()
def caps() -> None:
    """See and set how many runs may be running at once."""


@caps.command("list")
@limit_option
@json_option
@pass_session
def list_caps(session: Session, limit: int, as_json: bool) -> None:
    """List the caps of the workspace, its agents and its keys."""
    with session.client() as client:
        rows = list(client.rows("/caps", {}, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(cap) for cap in rows], empty="Nothing is capped.")


@caps.command("set")
@click.argument("slots", type=click.IntRange(min=0))
@click.option("--agent", help="Of this agent, by its slug.")
@click.option("--key", help="Of what this API key asks for, by its public id.")
@json_option
@pass_session
def set_cap(session: Session, slots: int, agent: str | None, key: str | None, as_json: bool) -> None:
    """Let at most SLOTS runs be running at once: of the workspace, or of an agent or a key; 0 lets none start."""
    if agent is not None and key is not None:
        raise click.UsageError("Name --agent or --key, not both.")
    with session.client() as client:
        cap = client.post("/caps", _wanted(agent, key) | {"slots": slots})
    if as_json:
        print_json(cap)
    else:
        print_table([_row(cap)], empty="")


@caps.command()
@click.argument("cap_id", metavar="ID", type=click.UUID)
@pass_session
def remove(session: Session, cap_id: Any) -> None:
    """Take a cap away."""
    with session.client() as client:
        client.delete(f"/caps/{cap_id}")


def _wanted(agent: str | None, key: str | None) -> dict[str, Any]:
    if agent is not None:
        return {"kind": "agent", "subject": agent}
    return {"kind": "workspace"} if key is None else {"kind": "key", "subject": key}


def _row(cap: dict[str, Any]) -> dict[str, str]:
    return {
        "id": cap["id"],
        "kind": cap["kind"],
        "subject": cap["subject"],
        "running": str(cap["running"]),
        "slots": str(cap["slots"]),
    }
