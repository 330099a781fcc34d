"""`cef doctor`: what is wrong between this machine and the server, in words."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import httpx

from cli.client import Client
from cli.errors import CliError, ExitCode
from cli.output import print_json, print_text
from cli.session import Session, json_option, pass_session

_MARKS: Final = {"fine": "✓", "note": "·", "wrong": "✗"}


@dataclass(frozen=True)
class Finding:
    """One sentence about one part; `verdict` is fine, note or wrong, as in the local stack's own doctor."""

    part: str
    verdict: str
    message: str


@click.command()
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check the server, the key and the live channel, and in a checkout the local stack too."""
    findings: list[Finding] = []
    for finding in _findings(session):
        findings.append(finding)
        if not as_json:
            print_text(f"{_MARKS.get(finding.verdict, '?')} {finding.part:<10} {finding.message}")
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    if any(finding.verdict == "wrong" for finding in findings):
        sys.exit(ExitCode.FAILURE)


def _findings(session: Session) -> Iterator[Finding]:
    checkout = _checkout(Path.cwd())
    try:
        client = session.client()
    except CliError as error:
        yield Finding("target", "note" if checkout else "wrong", f"{error.message} {error.hint}".strip())
    else:
        with client:
            yield Finding("target", "fine", f"{client.target.url}, from {client.target.source}.")
            yield from _server(client)
    if checkout is not None:
        yield from _local_stack(checkout)


def _server(client: Client) -> Iterator[Finding]:
    health = _health("server", client.target.url)
    yield health
    if health.verdict == "wrong":
        return
    yield _version(client)
    yield _key(client)
    live = _live_url(client)
    if live is None:
        yield Finding("live", "note", "Its address is told with the first run.")
    else:
        yield _health("live", live)


def _health(part: str, url: str) -> Finding:
    """Asked without the key: whoever answers there may not be who we think."""
    try:
        answer = httpx.get(f"{url}/healthz", timeout=5)
        parts = answer.json()
    except httpx.TransportError as error:
        return Finding(part, "wrong", f"{url} does not answer: {error}.")
    except ValueError:
        return Finding(part, "wrong", f"{url}/healthz answered {answer.status_code} and no JSON: no CEF server?")
    state = ", ".join(f"{name} {word}" for name, word in parts.items())
    verdict = "wrong" if answer.is_error else "note" if "unreachable" in parts.values() else "fine"
    return Finding(part, verdict, f"{url} answers: {state}.")


def _version(client: Client) -> Finding:
    try:
        schema = client.send("GET", "/api/schema/", params={"format": "json"}).json()
        return Finding("version", "fine", f"The API's version is {schema['info']['version']}.")
    except (CliError, ValueError, KeyError) as error:
        return Finding("version", "note", f"The API does not tell its version: {error}")


def _key(client: Client) -> Finding:
    try:
        me = client.get("/me")
    except CliError as error:
        return Finding("key", "wrong", error.message)
    here: dict[str, Any] = next((place for place in me["workspaces"] if place["id"] == me["workspace_id"]), {})
    return Finding("key", "fine", f"It is {me['name']}'s, {me['role']} in the workspace {here.get('slug', '?')}.")


def _live_url(client: Client) -> str | None:
    """As configured, or as the newest run tells it."""
    if client.target.live_url:
        return client.target.live_url
    try:
        newest = next(client.rows("/runs", {}, 1), None)
    except CliError:
        return None
    return newest["links"]["live"].partition("/api/")[0] if newest else None


def _checkout(directory: Path) -> Path | None:
    """The repository around the directory, where the local stack has a doctor of its own."""
    folders = (directory, *directory.parents)
    return next((folder for folder in folders if (folder / "workers" / "local" / "doctor.py").exists()), None)


def _local_stack(checkout: Path) -> Iterator[Finding]:
    command = [sys.executable, "-m", "workers.local", "doctor", "--json"]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    except (ValueError, KeyError):
        complaint = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Finding("local", "wrong", f"The local stack's doctor failed: {complaint}")
        return
    for finding in found:
        yield Finding(**finding)
