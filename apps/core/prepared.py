"""Statements that the hot path repeats: PostgreSQL parses and plans them once per connection, not each time.

Django's own cursors put the parameters into the text, so that none of their statements can be prepared. These here go
out as a text and its parameters; from `prepare_threshold` uses on, as the name of a prepared statement.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def fetch_first(statement: str, parameters: Parameters) -> tuple[Any, ...] | None:
    """The first row, on Django's connection and within its transaction; raises Django's database errors.

    Values are as PostgreSQL sends them: no field converts them, and `jsonb` comes as its text.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    native: Any = psycopg.Cursor(connection.connection)
    with wrap(native) as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
