"""`cef schedules`: runs that start by the clock."""

from collections.abc import Callable
from typing import Any

import click

from cli import words
from cli.client import Client
from cli.output import messages, print_json, print_table, print_text
from cli.run import given_input
from cli.session import Session, json_option, limit_option, pass_session

schedule_argument = click.argument(
    "schedule_id", metavar="ID", callback=lambda _ctx, _parameter, value: str(value), type=click.UUID
)


@click.group()
def schedules() -> None:
    """Runs that start by the clock."""


@schedules.command("list")
@limit_option
@json_option
@pass_session
def list_schedules(session: Session, limit: int, as_json: bool) -> None:
    """List schedules, the newest first."""
    with session.client() as client:
        rows = list(client.rows("/schedules", {}, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(schedule) for schedule in rows], empty="There are no schedules.")


@schedules.command()
@click.argument("name")
@click.argument("agent")
@click.argument("given", metavar="INPUT")
@click.option("--cron", required=True, help="Minute, hour, day of month, month, day of week.")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
@click.option(
    "--overlap",
    type=click.Choice(["skip", "enqueue", "cancel"]),
    default="skip",
    show_default=True,
    help="When the run of an earlier time has not finished: let the time pass, start as well, cancel the earlier one.",
)
@click.option("--json-input", is_flag=True, help="INPUT is JSON.")
@json_option
@pass_session
def create(session: Session, /, agent: str, given: str, json_input: bool, as_json: bool, **times: str) -> None:
    """Run AGENT on INPUT at the times of a cron expression; INPUT `-` is read from standard input."""
    body = {**times, "agent": agent, "input": given_input(given, json_input)}
    _act(session, lambda client: client.post("/schedules", body), as_json)


@schedules.command()
@schedule_argument
@json_option
@pass_session
def pause(session: Session, schedule_id: str, as_json: bool) -> None:
    """Let a schedule rest; what it misses is not made good."""
    _act(session, lambda client: client.post(f"/schedules/{schedule_id}/pause"), as_json)


@schedules.command()
@schedule_argument
@json_option
@pass_session
def resume(session: Session, schedule_id: str, as_json: bool) -> None:
    """Let a schedule fire again, from its next time on."""
    _act(session, lambda client: client.post(f"/schedules/{schedule_id}/resume"), as_json)


@schedules.command()
@schedule_argument
@json_option
@pass_session
def fire(session: Session, schedule_id: str, as_json: bool) -> None:
    """Start a run now; prints its id."""
    with session.client() as client:
        run = client.post(f"/schedules/{schedule_id}/fire")
    if as_json:
        print_json(run)
    else:
        print_text(run["id"])


@schedules.command()
@schedule_argument
@pass_session
def delete(session: Session, schedule_id: str) -> None:
    """Remove a schedule; its runs stay."""
    with session.client() as client:
        client.delete(f"/schedules/{schedule_id}")


@schedules.command("next")
@schedule_argument
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 100), help="How many times.")
@json_option
@pass_session
def next_(session: Session, schedule_id: str, count: int, as_json: bool) -> None:
    """Show the next times of a schedule, in its time zone."""
    with session.client() as client:
        times = client.get(f"/schedules/{schedule_id}/next", {"count": count})["times"]
    if as_json:
        print_json(times)
    else:
        for time in times:
            print_text(time.replace("T", " "))


def _act(session: Session, send: Callable[[Client], Any], as_json: bool) -> None:
    with session.client() as client:
        schedule = send(client)
    if as_json:
        print_json(schedule)
        return
    print_text(schedule["id"])
    following = schedule["next_fire_at"]
    messages().print(f"It fires next at {words.when(following)}." if following else "It is paused.")


def _row(schedule: dict[str, Any]) -> dict[str, str]:
    return {
        "id": schedule["id"],
        "name": schedule["name"],
        "agent": schedule["agent"],
        "cron": schedule["cron"],
        "timezone": schedule["timezone"],
        "next": words.when(schedule["next_fire_at"]) if schedule["enabled"] else "paused",
        "last": words.ago(schedule["last_fire_at"]),
        "trouble": schedule["last_error"] or "",
    }
