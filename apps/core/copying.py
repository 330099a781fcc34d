"""Inserting many rows by COPY, which takes a fifth of the CPU of an INSERT with a placeholder for each value."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

M = TypeVar("M", bound=models.Model)


def copy_in(rows: Sequence[M]) -> None:
    """Insert the rows, all of one model, as they are; columns that the database fills are left to it.

    The rows know nothing of what the database filled in. Needs a transaction if it is to be undone.
    """
    if not rows:
        return
    fields = [field for field in type(rows[0])._meta.local_concrete_fields if not _is_left_out(rows[0], field)]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column or "") for field in fields)
    statement = f"COPY {quote(type(rows[0])._meta.db_table)} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields])


def _is_left_out(row: models.Model, field: "models.Field[Any, Any]") -> bool:
    return field.generated or isinstance(getattr(row, field.attname), DatabaseDefault)
