"""`cef runs`: look at runs, follow, stop and resume them."""

from typing import Any

import click
from rich.text import Text

from cli import words
from cli.client import Client
from cli.follow import step_line
from cli.output import messages, print_json, print_table, print_text
from cli.results import answer_text, summary
from cli.run import watch
from cli.session import Session, json_option, limit_option, pass_session

run_argument = click.argument(
    "run_id", metavar="ID", callback=lambda _ctx, _parameter, value: str(value), type=click.UUID
)


@click.group()
def runs() -> None:
    """Look at runs, follow, stop and resume them."""


@runs.command("list")
@click.option("--status", help="One state or several, comma separated: queued, running, waiting, succeeded, …")
@click.option("--agent", help="The agent's slug.")
@click.option("thread_id", "--thread", help="The conversation's id.")
@click.option("batch_id", "--batch", help="The batch's id.")
@click.option("schedule_id", "--schedule", help="The id of the schedule that started them.")
@limit_option
@json_option
@pass_session
def list_runs(session: Session, /, limit: int, as_json: bool, **filters: str | None) -> None:
    """List runs, the newest first."""
    with session.client() as client:
        rows = list(client.rows("/runs", filters, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(run) for run in rows], empty="There are no such runs.")


@runs.command()
@run_argument
@json_option
@pass_session
def show(session: Session, run_id: str, as_json: bool) -> None:
    """Show a run with its steps."""
    with session.client() as client:
        run = client.get(f"/runs/{run_id}")
        run["steps"] = list(client.rows(f"/runs/{run_id}/steps", {}, None))
    if as_json:
        print_json(run)
    else:
        _show(run)


@runs.command()
@run_argument
@click.option("--after", default=0, type=click.IntRange(min=0), help="Only events after this number.")
@json_option
@pass_session
def follow(session: Session, run_id: str, after: int, as_json: bool) -> None:
    """Follow a run to its end and print its answer."""
    with session.client() as client:
        watch(client, run_id, as_json=as_json, after=after)


@runs.command()
@run_argument
@json_option
@pass_session
def cancel(session: Session, run_id: str, as_json: bool) -> None:
    """Stop a run; its worker sees it within five seconds."""
    with session.client() as client:
        _act(client, run_id, "cancel", as_json)


@runs.command()
@run_argument
@json_option
@pass_session
def resume(session: Session, run_id: str, as_json: bool) -> None:
    """Let a failed run go on after its last recorded step."""
    with session.client() as client:
        _act(client, run_id, "resume", as_json)


@runs.command()
@run_argument
@click.option("--from-step", required=True, type=click.IntRange(min=1), help="1, or the number of a model call.")
@click.option("--agent-version", type=click.IntRange(min=1), help="Another version of the agent.")
@click.option("text", "--input", help="Another input, as text; only from step 1.")
@click.option("--detach", is_flag=True, help="Print the new run's id and do not wait for its end.")
@json_option
@pass_session
def rerun(session: Session, /, run_id: str, detach: bool, as_json: bool, **changes: Any) -> None:
    """Run it again from a model call, with what was recorded before."""
    named = {"from_step": changes["from_step"], "agent_version": changes["agent_version"], "input": changes["text"]}
    body = {name: value for name, value in named.items() if value is not None}
    with session.client() as client:
        new = client.post(f"/runs/{run_id}/rerun", body)
        if not detach:
            watch(client, new["id"], as_json=as_json)
        elif as_json:
            print_json(new)
        else:
            print_text(new["id"])


@runs.command()
@run_argument
@click.argument("other_id", metavar="OTHER", type=click.UUID)
@json_option
@pass_session
def compare(session: Session, run_id: str, other_id: Any, as_json: bool) -> None:
    """Show two runs side by side, and where they first differ."""
    with session.client() as client:
        told = client.get(f"/runs/{run_id}/compare", {"with": str(other_id)})
    if as_json:
        print_json(told)
        return
    for pair in told["steps"]:
        step = pair["run"] or pair["other"]
        sign = "=" if pair["same"] else "≠" if pair["run"] and pair["other"] else "<" if pair["run"] else ">"
        print_text(f"{sign} {_step(step).plain.strip()}")
    for name in ("run", "other"):
        print_text(f"{name:<6}{told[name]['id']}  {summary(told[name]).plain}")
    print_text("The outputs are the same." if told["same_output"] else "The outputs differ.")


def _act(client: Client, run_id: str, action: str, as_json: bool) -> None:
    run = client.post(f"/runs/{run_id}/{action}")
    if as_json:
        print_json(run)
        return
    asked = run["cancel_requested_at"] is not None and run["status"] == "running"
    messages().print("The run is asked to stop." if asked else f"The run is {run['status']}.")


def _row(run: dict[str, Any]) -> dict[str, str]:
    usage = run["usage"]
    return {
        "id": run["id"],
        "status": run["status"],
        "agent": f"{run['agent']}@{run['agent_version']}",
        "created": words.ago(run["created_at"]),
        "time": words.duration(words.elapsed(run["created_at"], run["finished_at"])),
        "steps": str(usage["steps"]),
        "tokens": words.tokens(usage["input_tokens"], usage["output_tokens"]).removesuffix(" tokens"),
        "cost": words.usd(usage["cost_usd"]),
    }


def _show(run: dict[str, Any]) -> None:
    """Everything about the run goes to standard output here: the run is what was asked for."""
    print_text(f"{run['agent']}@{run['agent_version']}  {run['id']}  {words.when(run['created_at'])}")
    print_text(summary(run).plain)
    if run["error"]:
        print_text(f"{run['error']['detail']} ({run['error']['code']})")
    for step in run["steps"]:
        print_text(_step(step).plain)
    if run["output"] is not None:
        print_text(f"\n{answer_text(run)}")
    print_text(f"\n{run['links']['admin']}")


def _step(step: dict[str, Any]) -> Text:
    return step_line({**step, **step["usage"]})
