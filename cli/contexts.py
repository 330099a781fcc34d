"""`cef contexts`: what agents know: look at it, search it, bring documents in."""

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from cli import words
from cli.client import Client
from cli.errors import CliError, ExitCode
from cli.ingest import PATTERNS, ingest_with_progress, read_documents
from cli.output import messages, print_json, print_table, print_text
from cli.session import Session, json_option, limit_option, pass_session


class NoSuchContext(CliError):
    """There is no context at this path."""

    exit_code = ExitCode.NOT_FOUND


@click.group()
def contexts() -> None:
    """Look at contexts, search them, and bring documents in."""


@contexts.command("list")
@click.option("--below", metavar="PATH", help="Only this context and those below it.")
@limit_option
@json_option
@pass_session
def list_contexts(session: Session, below: str | None, limit: int, as_json: bool) -> None:
    """List contexts by path."""
    with session.client() as client:
        rows = list(client.rows("/contexts", {"below": below}, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(context) for context in rows], empty="There are no contexts yet.")


@contexts.command()
@click.argument("context", metavar="CONTEXT")
@click.option("--at", "version", type=click.IntRange(min=1), help="As it was at this version.")
@click.option("--key", help="Print the content of this entry instead.")
@json_option
@pass_session
def show(session: Session, context: str, version: int | None, key: str | None, as_json: bool) -> None:
    """Show a context (path or id) with its entries, inherited ones included."""
    with session.client() as client:
        found = find_context(client, context)
        if key is not None:
            _show_entry(client.get(f"/contexts/{found['id']}/entries/{quote(key)}", {"version": version}), as_json)
            return
        found["entries"] = list(client.rows(f"/contexts/{found['id']}/entries", {"version": version}, None))
    if as_json:
        print_json(found)
    else:
        _show(found)


@contexts.command()
@click.argument("context", metavar="CONTEXT")
@click.argument("query")
@click.option("--limit", default=8, show_default=True, type=click.IntRange(1, 100), help="How many at most.")
@json_option
@pass_session
def search(session: Session, context: str, query: str, limit: int, as_json: bool) -> None:
    """Search the documents of a context, of those above it and of those below it."""
    with session.client() as client:
        found = find_context(client, context)
        hits = client.get(f"/contexts/{found['id']}/search", {"q": query, "limit": limit})["data"]
    if as_json:
        print_json(hits)
    elif not hits:
        messages().print("Nothing was found.")
    else:
        print_text("\n\n".join(_hit(hit) for hit in hits))


@contexts.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--context", required=True, help="The path or id of the context to bring them into.")
@click.option("--create", is_flag=True, help="Make the context when there is none.")
@click.option("--include", "patterns", multiple=True, metavar="GLOB", help="Which files of a folder; may be repeated.")
@json_option
@pass_session
def ingest(
    session: Session, /, path: Path, context: str, create: bool, patterns: tuple[str, ...], as_json: bool
) -> None:
    """Bring a file, or the text files of a folder, into a context; what has not changed is skipped."""
    documents = read_documents(path, patterns or PATTERNS, messages())
    with session.client() as client:
        found = _ensure_context(client, context) if create else find_context(client, context)
        jobs = ingest_with_progress(client, found["id"], documents, messages())
        failed = [item for job in jobs if job["failed"] for item in _failed_items(client, job)]
    if as_json:
        print_json(jobs)
    _report(jobs, failed)


def find_context(client: Client, name: str) -> dict[str, Any]:
    """The context of this path or id; raises NoSuchContext."""
    if _is_id(name):
        return dict(client.get(f"/contexts/{name}"))
    for context in client.rows("/contexts", {"path": name}, 1):
        return context
    raise NoSuchContext(f"There is no context {name!r}.", hint="`cef contexts list` shows what there is.")


def _ensure_context(client: Client, name: str) -> dict[str, Any]:
    try:
        return find_context(client, name)
    except NoSuchContext:
        return dict(client.post("/contexts", {"path": name}))


def _is_id(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True


def _failed_items(client: Client, job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.rows(f"/ingest-jobs/{job['id']}/items", {"state": "failed"}, None))


def _report(jobs: list[dict[str, Any]], failed: list[dict[str, Any]]) -> None:
    """What became of the documents; raises CliError when some could not be read."""
    total, done, skipped, chunks = (sum(job[name] for job in jobs) for name in ("total", "done", "skipped", "chunks"))
    messages().print(
        f"{total} documents: {done} ingested ({chunks} passages), {skipped} unchanged, {len(failed)} failed."
    )
    if failed:
        lines = "".join(f"\n  {item['name']}: {item['detail'] or item['reason']}" for item in failed)
        raise CliError(f"{len(failed)} documents could not be ingested:{lines}")


def _row(context: dict[str, Any]) -> dict[str, str]:
    return {
        "path": context["path"],
        "version": str(context["head"]),
        "description": context["description"].partition("\n")[0],
        "created": words.ago(context["created_at"]),
    }


def _show(context: dict[str, Any]) -> None:
    print_text(words.joined([context["path"], f"version {context['head']}", context["id"]]))
    if context["description"]:
        print_text(context["description"])
    rows = [
        {
            "key": entry["key"],
            "kind": entry["kind"],
            "title": entry["title"],
            "size": f"{entry['size']:,}",
            "pinned": "pinned" if entry["pinned"] else "",
            "from": "inherited" if entry["context_id"] != context["id"] else f"version {entry['version']}",
        }
        for entry in context["entries"]
    ]
    print_table(rows, empty="It has no entries.")


def _show_entry(entry: dict[str, Any], as_json: bool) -> None:
    content = entry["content"]
    if as_json:
        print_json(entry)
    else:
        print_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2))


def _hit(hit: dict[str, Any]) -> str:
    head = words.joined([hit["title"], hit["heading"].splitlines()[-1] if hit["heading"] else "", hit["ref"]])
    return f"{head}  {hit['score']:.4f}\n{hit['text'].strip()}"
