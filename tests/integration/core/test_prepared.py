"""Statements that PostgreSQL keeps prepared, on Django's own connection."""

from typing import Any

import pytest
from django.db import DataError, connection, transaction
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
