"""`cef retention`: how long the workspace keeps its finished runs."""

from typing import Any

import click

from cli.output import print_json, print_table
from cli.session import Session, json_option, pass_session

_DAYS = click.IntRange(min=1, max=36_500)


@click.group()
def retention() -> None:
    """Look at how long finished runs are kept, or set it."""


@retention.command()
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """Show the days."""
    with session.client() as client:
        _print(client.get("/retention"), as_json)


@retention.command()
@click.option("--run-days", type=_DAYS, help="Instead of the workspace's own.")
@click.option("--payload-days", type=_DAYS, help="Instead of the workspace's own.")
@json_option
@pass_session
def preview(session: Session, run_days: int | None, payload_days: int | None, as_json: bool) -> None:
    """Count what would go now; nothing is removed."""
    with session.client() as client:
        counts = client.get("/retention/preview", {"run_days": run_days, "payload_days": payload_days})
    if as_json:
        print_json(counts)
    else:
        print_table([{name: str(count) for name, count in counts.items()}], empty="")


@retention.command("set")
@click.option("--run-days", type=_DAYS, help="Days from its end after which a run goes with all its rows.")
@click.option("--payload-days", type=_DAYS, help="Days after which its payloads go; its rows stay.")
@json_option
@pass_session
def set_(session: Session, run_days: int | None, payload_days: int | None, as_json: bool) -> None:
    """Set the days; what is not named is kept for good, or as long as the run."""
    if run_days is None and payload_days is None:
        raise click.UsageError("Name --run-days or --payload-days; `cef retention remove` keeps everything for good.")
    with session.client() as client:
        _print(client.put("/retention", {"run_days": run_days, "payload_days": payload_days}), as_json)


@retention.command()
@pass_session
def remove(session: Session) -> None:
    """Keep everything for good from now on."""
    with session.client() as client:
        client.delete("/retention")


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    row = {
        "runs": _days(found["run_days"]),
        "payloads": _days(found["payload_days"]),
        "last sweep": found["swept_at"] or "never",
    }
    print_table([row], empty="")


def _days(days: int | None) -> str:
    return "for good" if days is None else f"{days} days"
