"""`cef waits`: what runs wait for, and your word on it."""

import json
from typing import Any, Final

import click

from cli import words
from cli.client import Client
from cli.errors import UsageProblem
from cli.output import messages, print_json, print_table, print_text
from cli.session import Session, json_option, limit_option, pass_session

KINDS: Final = ("approval", "question", "timer", "child", "event")
FOR_PEOPLE: Final = frozenset({"approval", "question"})

wait_argument = click.argument(
    "wait_id", metavar="ID", callback=lambda _ctx, _parameter, value: str(value), type=click.UUID
)
note_option = click.option("--note", default="", help="Why; the model reads it when you reject.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask again.")


@click.group()
def waits() -> None:
    """See what runs wait for; approve, reject and answer."""


@waits.command("list")
@click.option("--kind", type=click.Choice(KINDS))
@click.option("run", "--run", metavar="ID", type=click.UUID, help="Those of one run.")
@click.option("--all", "everybody", is_flag=True, help="Also those that others decide.")
@limit_option
@json_option
@pass_session
def list_waits(session: Session, /, limit: int, as_json: bool, everybody: bool, **filters: Any) -> None:
    """List your inbox: open waits that you may decide, the newest first."""
    wanted = {**filters, "scope": "all" if everybody else "mine"}
    with session.client() as client:
        rows = list(client.rows("/waits", wanted, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(wait) for wait in rows], empty="Nothing waits for you.")


@waits.command()
@wait_argument
@json_option
@pass_session
def show(session: Session, wait_id: str, as_json: bool) -> None:
    """Show a wait with the exact arguments of its call."""
    with session.client() as client:
        wait = client.get(f"/waits/{wait_id}")
    if as_json:
        print_json(wait)
    else:
        print_text("\n".join(_lines(wait)))


@waits.command()
@wait_argument
@click.option("--arguments", metavar="JSON", help="Make the call with these arguments instead.")
@note_option
@yes_option
@json_option
@pass_session
def approve(session: Session, wait_id: str, arguments: str | None, note: str, yes: bool, as_json: bool) -> None:
    """Let a call be made, as it is shown or with other arguments."""
    edited = {} if arguments is None else {"arguments": _json(arguments, "--arguments")}
    with session.client() as client:
        _decide(client, wait_id, {"verdict": "approve", "note": note, **edited}, yes=yes, as_json=as_json)


@waits.command()
@wait_argument
@note_option
@yes_option
@json_option
@pass_session
def reject(session: Session, wait_id: str, note: str, yes: bool, as_json: bool) -> None:
    """Refuse a call, or to answer a question; the model is told the note."""
    with session.client() as client:
        _decide(client, wait_id, {"verdict": "reject", "note": note}, yes=yes, as_json=as_json)


@waits.command()
@wait_argument
@click.argument("text", metavar="ANSWER")
@click.option("--json-answer", is_flag=True, help="ANSWER is JSON, not text.")
@json_option
@pass_session
def answer(session: Session, wait_id: str, text: str, json_answer: bool, as_json: bool) -> None:
    """Answer a question."""
    said = _json(text, "ANSWER") if json_answer else text
    with session.client() as client:
        _decide(client, wait_id, {"verdict": "answer", "answer": said}, yes=True, as_json=as_json)


def _decide(client: Client, wait_id: str, word: dict[str, Any], *, yes: bool, as_json: bool) -> None:
    """The word is about what is shown here: should it change meanwhile, the server refuses."""
    wait = client.get(f"/waits/{wait_id}")
    if not yes:
        messages().print("\n".join(_lines(wait)), markup=False)
        click.confirm(f"{word['verdict'].capitalize()} this?", abort=True, err=True)
    decided = client.post(f"/waits/{wait_id}/decide", {**word, "digest": wait["digest"]})
    if as_json:
        print_json(decided)
    elif decided["state"] == "open":
        messages().print(f"{decided['approvals']} of {decided['needed']} have approved.")
    else:
        messages().print(f"The wait is {decided['state']}.")


def _row(wait: dict[str, Any]) -> dict[str, str]:
    return {
        "id": wait["id"],
        "kind": wait["kind"],
        "agent": wait["agent"],
        "tool": wait["tool"],
        "about": wait["prompt"],
        "approvals": f"{wait['approvals']}/{wait['needed']}" if wait["kind"] == "approval" else "",
        "asked": words.ago(wait["created_at"]),
        "due": words.when(wait["due_at"]) if wait["due_at"] else "",
    }


def _lines(wait: dict[str, Any]) -> list[str]:
    lines = [f"{wait['kind']} · {wait['agent']} calls {wait['tool']} · {wait['state']} · run {wait['run_id']}"]
    if wait["prompt"]:
        lines.append(wait["prompt"])
    lines.append(_pretty(wait["arguments"] if wait["edited_arguments"] is None else wait["edited_arguments"]))
    if wait["answer_schema"] is not None:
        lines.append(f"The answer keeps {_pretty(wait['answer_schema'])}")
    lines += [f"{one['verdict']} by {one['by']['kind']} {one['by']['id']} {one['note']}" for one in wait["decisions"]]
    if wait["event"] is not None:
        lines.append(f"Report the event with POST {wait['event']['url']}")
    return lines


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageProblem(f"{name} is not JSON: {error}") from error
