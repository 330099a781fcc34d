"""Lays the suite's own triggers over the tables, so that the checker can see what the engine did, not what it says."""

from pathlib import Path
from typing import Final

import psycopg

_STATEMENTS: Final = Path(__file__).with_name("watch.sql")


def install(url: str) -> None:
    """As the owner of the tables, after the migrations."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(_STATEMENTS.read_bytes())
