"""Tables full of runs, made inside the database: copies of one run, thousands in a second."""

from django.db import connection

from apps.runs.models import Run

FRESH_ID = """(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '70008000'
    || lpad(to_hex(n), 6, '0') || lpad(to_hex((random() * 16777215)::int), 6, '0'))::uuid"""
"""A UUIDv7 of this moment: what is copied first is the oldest."""


def copy_run(run: Run, many: int, **columns: str) -> None:
    """Rows like the run's, `n` from 1 on, but for the columns that are given as SQL.

    Without their events: these runs are there to be walked past or claimed.
    """
    names = [field.column for field in Run._meta.concrete_fields]
    values = {name: f"run.{name}" for name in names} | {"id": FRESH_ID} | columns
    copied = ", ".join(values[name] for name in names).replace("%", "%%")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO runs_run ({', '.join(names)}) SELECT {copied} "
            "FROM runs_run AS run, generate_series(1, %s) AS n WHERE run.id = %s",
            [many, run.id],
        )


def analyze(*tables: str) -> None:
    """What autovacuum does in time: the planner learns what is in the tables."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables or ('runs_run', 'runs_cap', 'runs_slot'))}")
