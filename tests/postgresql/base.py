"""Tables are emptied by DELETE: TRUNCATE makes new files for each table and index, 95 ms of CPU against 2 ms here."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import base, operations


class DatabaseOperations(operations.DatabaseOperations):
    """`flush` between transactional tests, whose tables hold few rows; with `reset_sequences` it stays as it is."""

    def sql_flush(
        self, style: Any, tables: Iterable[str], *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> list[str]:
        """One statement for all tables; their foreign keys are looked at when the transaction ends."""
        if reset_sequences:
            return super().sql_flush(style, tables, reset_sequences=True, allow_cascade=allow_cascade)
        return [" ".join(f"DELETE FROM {self.quote_name(table)};" for table in tables)]


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend."""

    ops_class = DatabaseOperations
