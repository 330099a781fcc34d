"""The judge: reads the database and the ledgers with plain SQL, and knows nothing of the engine's code.

python -m tests.chaos.checker engine postgresql://… folder-of-ledgers
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

_SQL: Final = Path(__file__).with_name("checks")
_SHOWN: Final = 5
_TABLES: Final = {"model": "model_call", "tool": "tool_call"}
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "accepted": ("case", "run"),
    "death": ("name", "pid", "code"),
    "model": ("call", "case", "turn", "status", "pid", "saw"),
    "answered": ("call", "case", "turn", "prompt_tokens", "completion_tokens"),
    "tool": ("tool", "case", "turn", "call", "run", "step", "pid", "key", "receipt", "fresh"),
}

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A check by its words, and the rows that break it."""

    check: str
    rows: Rows

    def __str__(self) -> str:
        shown = "".join(f"\n      {json.dumps(row, default=str)}" for row in self.rows[:_SHOWN])
        return f"{len(self.rows)} × {self.check}{shown}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was counted and measured, and which promises are broken."""

    figures: dict[str, int]
    detect_s: list[float]
    resume_s: list[float]
    cancel_s: list[float]
    broken: list[Finding]


def judge(kind: str, url: str, ledgers: Path) -> Verdict:
    """The verdict over an arm: `engine` or `control`."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as link:
        _load(link, ledgers)
        figures, times, cancels = (rows for _, rows in _answers(link, f"{kind}_figures.sql"))
        findings = [Finding(check, rows) for check, rows in _answers(link, f"{kind}.sql")]
    return Verdict(
        figures=figures[0],
        detect_s=sorted(row["detect"] for row in times if row["detect"] is not None),
        resume_s=sorted(row["resume"] for row in times if row["resume"] is not None),
        cancel_s=sorted(row["seconds"] for row in cancels),
        broken=[finding for finding in findings if finding.rows],
    )


def _answers(link: "psycopg.Connection[dict[str, Any]]", file: str) -> Iterator[tuple[str, Rows]]:
    for block in (_SQL / file).read_text().split("\n\n"):
        words, _, statement = block.partition("\n")
        if statement:
            yield words.removeprefix("-- "), link.execute(statement.rstrip().rstrip(";").encode()).fetchall()


def _load(link: "psycopg.Connection[dict[str, Any]]", ledgers: Path) -> None:
    link.execute((_SQL / "facts.sql").read_bytes())
    tables: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name in ("accepted", "harness", "server"):
        for line in _lines(ledgers / f"{name}.jsonl"):
            if (fact := _fact(line)) is not None:
                tables[fact[0]].append(fact[1:])
    with link.cursor() as cursor:
        for table, rows in tables.items():
            places = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({places})".encode(), rows)
    link.execute("ANALYZE")


def _fact(line: dict[str, Any]) -> tuple[Any, ...] | None:
    """The table that a line goes to, and its row; other lines are for people."""
    at, kind = datetime.fromtimestamp(line["at"], UTC), line["kind"]
    columns = _COLUMNS.get(kind)
    return None if columns is None else (_TABLES.get(kind, kind), *(line[column] for column in columns), at)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open() as lines:
            yield from map(json.loads, lines)


if __name__ == "__main__":
    found = judge(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    print(json.dumps(found.figures, default=str))
    for finding in found.broken:
        print(finding)
    sys.exit(1 if found.broken else 0)
