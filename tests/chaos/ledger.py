"""Append-only files outside the database: what really happened, whatever a process says about it later."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Ledger:
    """Lines of JSON, each written by one system call to a file opened for appending; `at` is the time in seconds."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, *, durable: bool = False, **fields: Any) -> None:
        """Append a line; a durable one is on the disk when this returns."""
        line = json.dumps({"at": time.time(), **fields}, separators=(",", ":")) + "\n"
        os.write(self._file, line.encode())
        if durable:
            os.fsync(self._file)


def read(path: Path) -> list[dict[str, Any]]:
    """All lines of a ledger; none when it was never opened."""
    return list(_lines(path)) if path.exists() else []


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        for line in lines:
            yield json.loads(line)
