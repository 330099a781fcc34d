"""`cef threads`: copy conversations."""

import click

from cli.output import print_json, print_text
from cli.session import Session, json_option, pass_session


@click.group()
def threads() -> None:
    """Copy conversations."""


@threads.command()
@click.argument("thread_id", metavar="ID")
@click.option("at_run", "--at", help="The last run that is copied; all of it unless told.")
@click.option("--title", help="Of the copy.")
@json_option
@pass_session
def fork(session: Session, thread_id: str, at_run: str | None, title: str | None, as_json: bool) -> None:
    """Copy a conversation, up to a run of it, into a new one, and print its id."""
    body = {name: value for name, value in {"at_run": at_run, "title": title}.items() if value is not None}
    with session.client() as client:
        thread = client.post(f"/threads/{thread_id}/fork", body)
    if as_json:
        print_json(thread)
    else:
        print_text(thread["id"])
