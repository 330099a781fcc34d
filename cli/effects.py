"""`cef runs effects` and `cef runs resolve`: what a run did to the world, and a word on what nobody knows."""

import json
from typing import Any, Final

import click

from cli import words
from cli.output import messages, print_json, print_table
from cli.runs import run_argument
from cli.session import Session, json_option, pass_session

_SHOWN: Final = 200
"""Characters of arguments and results in a table; `--json` has all."""


@click.command()
@run_argument
@json_option
@pass_session
def effects(session: Session, run_id: str, as_json: bool) -> None:
    """List a run's calls that change the world, and those about which somebody must decide."""
    with session.client() as client:
        rows = list(client.rows(f"/runs/{run_id}/effects", {}, None))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(effect) for effect in rows], empty="The run has changed nothing.")


@click.command()
@run_argument
@click.argument("effect_id", metavar="EFFECT", type=click.UUID)
@click.option("--happened", metavar="JSON", help="The call had its effect and returned this; it is not made again.")
@click.option("--run", "again", is_flag=True, help="The call had no effect: make it again, once.")
@click.option("--stop", is_flag=True, help="Cancel the run.")
@click.option("--note", default="", help="Why; it is kept in the ledger.")
@json_option
@pass_session
def resolve(session: Session, /, run_id: str, effect_id: str, as_json: bool, **word: Any) -> None:
    """Decide about a call of which nobody knows how it ended; the run goes on when its last one is decided."""
    body = _decision(**word)
    with session.client() as client:
        effect = client.post(f"/runs/{run_id}/effects/{effect_id}/resolve", body)
        run = client.get(f"/runs/{run_id}")
    if as_json:
        print_json(effect)
    else:
        messages().print(f"The call of {effect['tool']} is {effect['state']}; the run is {run['status']}.")


def _decision(*, happened: str | None, again: bool, stop: bool, note: str) -> dict[str, Any]:
    if [happened is not None, again, stop].count(True) != 1:
        raise click.UsageError("Say one of --happened JSON, --run and --stop.")
    decision = {"note": note} if note else {}
    if happened is None:
        return decision | {"decision": "run" if again else "stop"}
    try:
        return decision | {"decision": "happened", "result": json.loads(happened)}
    except ValueError as error:
        raise click.UsageError(f"--happened is not JSON: {error}. Text needs quotes: '\"paid\"'.") from error


def _row(effect: dict[str, Any]) -> dict[str, str]:
    return {
        "id": effect["id"],
        "tool": effect["tool"],
        "state": effect["state"] + (" (decide)" if effect["undecided"] else ""),
        "began": words.ago(effect["created_at"]),
        "arguments": _short(effect["arguments"]),
        "result": _short(effect["result"]),
        "late result": _short(effect["late_result"]),
    }


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
