"""Writing a new run and its first event, in one statement that is composed once: the ORM composes each anew."""

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field

from apps.core import canonical
from apps.core.prepared import fetch_first
from apps.runs.models import Run
from apps.runs.states import EventType


def insert_run(run: Run, **told: Any) -> None:
    """Write the run as it was drafted, and that it is queued with what is told; one query. Raises IntegrityError."""
    values = [field.get_db_prep_save(getattr(run, field.attname), connection) for field in _given()]
    row = fetch_first(_statement(), [*values, EventType.QUEUED.value, canonical.dump(told)])
    assert row is not None, "the statement returns what it has inserted"
    run.created_at, run.queued_at = row
    run._state.adding, run._state.db = False, connection.alias


@cache
def _given() -> "list[Field[Any, Any]]":
    """The columns that the database does not fill itself."""
    return [field for field in Run._meta.concrete_fields if not field.has_db_default()]


@cache
def _statement() -> str:
    return f"""
WITH accepted AS (
    INSERT INTO runs_run ({", ".join(str(field.column) for field in _given())})
    VALUES ({", ".join(["%s"] * len(_given()))})
    RETURNING id, event_seq, created_at, queued_at
), told AS (
    INSERT INTO runs_event (run_id, seq, type, data) SELECT id, event_seq, %s, %s FROM accepted
)
SELECT created_at, queued_at FROM accepted"""  # noqa: S608  # columns of the model
