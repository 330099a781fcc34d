"""`cef agents`: which agents there are, and what a version says."""

import json
from typing import Any
from urllib.parse import quote

import click

from cli import words
from cli.client import Client
from cli.output import print_json, print_table, print_text
from cli.session import Session, json_option, limit_option, pass_session


@click.group()
def agents() -> None:
    """Look at agents and their versions."""


@agents.command("list")
@limit_option
@json_option
@pass_session
def list_agents(session: Session, limit: int, as_json: bool) -> None:
    """List agents, the newest first."""
    with session.client() as client:
        rows = list(client.rows("/agents", {}, limit))
    if as_json:
        print_json(rows)
    else:
        print_table([_row(agent) for agent in rows], empty="There are no agents yet.")


@agents.command()
@click.argument("agent", metavar="AGENT")
@json_option
@pass_session
def show(session: Session, agent: str, as_json: bool) -> None:
    """Show an agent (slug, slug@3 or slug@label) with one version: without @ production's, else the newest."""
    with session.client() as client:
        found = _agent_with_version(client, agent)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _agent_with_version(client: Client, reference: str) -> dict[str, Any]:
    slug, _, wanted = reference.partition("@")
    agent: dict[str, Any] = client.get(f"/agents/{quote(slug, safe='')}")
    labels = agent["labels"]
    number = wanted if wanted.isdigit() else labels.get(wanted or "production", wanted or agent["newest_version"])
    agent["version"] = client.get(f"/agents/{agent['slug']}/versions/{quote(str(number), safe='')}") if number else None
    return agent


def _row(agent: dict[str, Any]) -> dict[str, str]:
    return {
        "slug": agent["slug"],
        "name": agent["name"],
        "newest": str(agent["newest_version"] or "–"),
        "labels": _labels(agent),
        "created": words.ago(agent["created_at"]),
    }


def _labels(agent: dict[str, Any]) -> str:
    return ", ".join(f"{name}→{number}" for name, number in sorted(agent["labels"].items()))


def _show(agent: dict[str, Any]) -> None:
    print_text(
        words.joined([agent["slug"], agent["name"], f"newest version {agent['newest_version']}", _labels(agent)])
    )
    if agent["description"]:
        print_text(agent["description"])
    if agent["version"]:
        version = agent["version"]
        print_text(f"\nversion {version['number']} · {version['model']} · {words.when(version['created_at'])}")
        print_text(json.dumps(version["definition"], ensure_ascii=False, indent=2))
