"""Where output goes: results to standard output, everything else to standard error."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.client import json_bytes
from cli.words import printable


def messages() -> Console:
    """Standard error, in colour only on a terminal and without NO_COLOR."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One line of JSON on standard output, sent at once."""
    click.echo(json_bytes(value))
    sys.stdout.flush()


def print_text(text: str) -> None:
    """An answer on standard output: made safe for a terminal, otherwise as it is."""
    click.echo(printable(text) if sys.stdout.isatty() else text.encode("utf-8", "backslashreplace").decode())


def print_table(rows: Sequence[Mapping[str, str]], *, empty: str) -> None:
    """Rows under their keys on a terminal; lines with tabs, uncut and without a head, for other programs."""
    if not rows:
        messages().print(empty)
    elif sys.stdout.isatty():
        table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(printable(cell) for cell in row.values()))
        Console(highlight=False).print(table, markup=False)
    else:
        for row in rows:
            click.echo("\t".join(printable(cell).replace("\t", " ").replace("\n", " ") for cell in row.values()))
