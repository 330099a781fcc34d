"""What the commands share: where the server is, and the options and arguments that many of them take."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.client import Client
from cli.target import Target, find_target

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Session:
    """One invocation of `cef`."""

    profile: str | None = None

    def target(self) -> Target:
        """The server to talk to; raises UsageProblem when nothing names one."""
        return find_target(os.environ, Path.cwd(), self.profile)

    def client(self) -> Client:
        """A client of it; close it."""
        return Client(self.target())


pass_session = click.make_pass_decorator(Session, ensure=True)


def json_option(command: F) -> F:
    """`--json`: only JSON on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, and nothing else.")(
        command
    )


def limit_option(command: F) -> F:
    """`--limit`: how many rows of a list."""
    return click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many at most.")(
        command
    )
