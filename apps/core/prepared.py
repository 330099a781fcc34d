"""Statements that the hot path repeats: PostgreSQL parses and plans them once per connection, not each time.

Django's own cursors put the parameters into the text, so that none of their statements can be prepared. These here go
out as a text and its parameters; from the sixth use on, as the name of a prepared statement.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from django.db import NotSupportedError, connection

Parameters = Sequence[Any] | Mapping[str, Any]

_PREPARE_AFTER: Final = 5


def fetch_first(statement: str, parameters: Parameters) -> tuple[Any, ...] | None:
    """The first row, on Django's connection and within its transaction; raises Django's database errors.

    Values are as PostgreSQL sends them: no field converts them, and `jsonb` comes as its text. A migration may change
    the columns of a statement that is prepared, which PostgreSQL then refuses for as long as the connection lives:
    outside a transaction it is opened anew, within one the rollback forgets the statement.
    """
    connection.close_if_health_check_failed()
    try:
        return _fetch(statement, parameters)
    except NotSupportedError:
        if connection.in_atomic_block:
            raise
        connection.close()
        return _fetch(statement, parameters)


def _fetch(statement: str, parameters: Parameters) -> tuple[Any, ...] | None:
    connection.ensure_connection()
    connection.validate_thread_sharing()
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    link: Any = connection.connection
    native: Any = psycopg.Cursor(link)
    # Only here: psycopg would keep the text of each of Django's statements too, with the parameters in it.
    link.prepare_threshold = _PREPARE_AFTER
    try:
        with wrap(native) as cursor:
            cursor.execute(statement, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    finally:
        link.prepare_threshold = None
