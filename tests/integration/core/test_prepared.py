"""Statements that PostgreSQL keeps prepared, on Django's own connection."""

from typing import Any

import pytest
from django.db import DataError, NotSupportedError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Workspace
from apps.core.prepared import fetch_first

DOUBLE = "SELECT %s::int * 2"
PREPARED = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE %s"


def prepared(text: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED, [f"%{text}%"])
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_a_statement_that_is_repeated_is_prepared_once():
    assert [fetch_first(DOUBLE, [n]) for n in range(8)] == [(2 * n,) for n in range(8)]
    assert prepared("* 2") == [("SELECT $1::int * 2",)]


@pytest.mark.django_db
def test_named_parameters_and_no_row():
    statement = "SELECT slug FROM accounts_workspace WHERE slug = %(slug)s"
    assert fetch_first(statement, {"slug": "none", "unused": 1}) is None
    Workspace.objects.create(slug="here", name="Here")
    assert fetch_first(statement, {"slug": "here"}) == ("here",)


@pytest.mark.django_db
def test_it_counts_as_a_query_of_django():
    with CaptureQueriesContext(connection) as queries:
        fetch_first(DOUBLE, [21])
    assert [query["sql"] for query in queries] == ["SELECT $1::int * 2"]


@pytest.mark.django_db
def test_errors_are_djangos_and_the_next_statement_is_prepared_anew():
    for _ in range(8):
        fetch_first("SELECT 1 / %s::int", [1])
    with pytest.raises(DataError), transaction.atomic():
        fetch_first("SELECT 1 / %s::int", [0])
    assert fetch_first("SELECT 1 / %s::int", [1]) == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_is_opened_again():
    fetch_first(DOUBLE, [1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        other.close()
    connection.health_check_enabled, connection.health_check_done = True, False
    assert fetch_first(DOUBLE, [21]) == (42,)


@pytest.mark.django_db
def test_djangos_own_statements_leave_no_text_behind():
    fetch_first(DOUBLE, [1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["a secret"])
    link: Any = connection.connection
    assert link.prepare_threshold is None
    assert not [text for text, _ in link._prepared._counts if b"a secret" in text]


@pytest.mark.django_db(transaction=True)
def test_a_column_that_a_migration_changed_is_read_by_a_new_connection():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE changing (n varchar(5))")
        cursor.execute("INSERT INTO changing VALUES ('one')")
    for _ in range(8):
        assert fetch_first("SELECT n FROM changing", []) == ("one",)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE changing ALTER n TYPE varchar(50)")
    with pytest.raises(NotSupportedError), transaction.atomic():
        fetch_first("SELECT n FROM changing", [])
    # The rollback has forgotten the statement: it is read again on the same connection, which still has the table.
    assert fetch_first("SELECT n FROM changing", []) == ("one",)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_a_changed_column_costs_the_connection_and_no_error():
    statement = "SELECT slug FROM accounts_workspace WHERE slug = %s"
    Workspace.objects.create(slug="here", name="Here")
    for _ in range(8):
        assert fetch_first(statement, ["here"]) == ("here",)
    try:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_workspace ALTER slug TYPE varchar(80)")
        before = connection.connection
        assert fetch_first(statement, ["here"]) == ("here",)
        assert connection.connection is not before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_workspace ALTER slug TYPE varchar(64)")
