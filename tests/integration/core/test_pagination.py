"""Pages by keyset: nothing twice, nothing missed, and no cursor from elsewhere."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import ServiceAccount, Workspace

pytestmark = pytest.mark.urls("tests.integration.core.probe")
PROBE, ROWS = "/api/v1/probe", "/api/v1/rows"


@pytest.fixture
def seven(workspace: Workspace) -> list[ServiceAccount]:
    names = ["b", "a", "c", "g", "f", "d", "e"]
    return [ServiceAccount.objects.create(workspace=workspace, name=name) for name in names]


def pages(client: APIClient, path: str) -> list[list[dict[str, Any]]]:
    found, cursor = [], None
    while True:
        answer = client.get(f"{path}&cursor={cursor}" if cursor else path)
        assert answer.status_code == 200, answer.content
        body = answer.json()
        assert body.keys() == {"data", "next_cursor", "has_more"}
        assert body["has_more"] is (body["next_cursor"] is not None)
        found.append(body["data"])
        cursor = body["next_cursor"]
        if cursor is None:
            assert "Link" not in answer
            return found


def test_the_newest_come_first(client: APIClient, seven: list[ServiceAccount]) -> None:
    found = pages(client, f"{PROBE}?limit=3")
    assert [[row["name"] for row in page] for page in found] == [["e", "d", "f"], ["g", "c", "a"], ["b"]]


def test_dicts_page_alike_in_an_order_of_several_fields(client: APIClient, seven: list[ServiceAccount]) -> None:
    found = pages(client, f"{ROWS}?limit=2")
    assert [[row["name"] for row in page] for page in found] == [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]
    assert found[0][0]["created_at"].endswith("Z")


def test_a_full_last_page_ends_the_list(client: APIClient, seven: list[ServiceAccount]) -> None:
    assert [len(page) for page in pages(client, f"{PROBE}?limit=7")] == [7]


def test_rows_that_come_between_pages_move_nothing(client: APIClient, seven: list[ServiceAccount]) -> None:
    first = client.get(PROBE, {"limit": 3}).json()
    ServiceAccount.objects.create(workspace=seven[0].workspace, name="new")
    seven[3].delete()
    second = client.get(PROBE, {"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [row["name"] for row in second["data"]] == ["c", "a", "b"]


def test_the_link_header_leads_to_the_next_page(client: APIClient, seven: list[ServiceAccount]) -> None:
    answer = client.get(PROBE, {"limit": 5})
    url, relation = answer["Link"].split("; ")
    assert relation == 'rel="next"'
    assert url.startswith("<http://testserver/api/v1/probe?limit=5&cursor=")
    assert [row["name"] for row in client.get(url.strip("<>")).json()["data"]] == ["a", "b"]


def test_a_page_costs_two_queries_with_authentication(client: APIClient, seven: list[ServiceAccount]) -> None:
    client.get(PROBE)
    with CaptureQueriesContext(connection) as queries:
        client.get(PROBE, {"limit": 2})
    assert len(queries) == 2


def test_an_empty_list(client: APIClient) -> None:
    assert client.get(PROBE).json() == {"data": [], "next_cursor": None, "has_more": False}


def test_without_a_limit_there_are_fifty_and_never_more_than_a_hundred(client: APIClient, workspace: Workspace) -> None:
    ServiceAccount.objects.bulk_create(ServiceAccount(workspace=workspace, name=str(n)) for n in range(120))
    assert len(client.get(PROBE).json()["data"]) == 50
    assert len(client.get(PROBE, {"limit": 100}).json()["data"]) == 100


@pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "", "1e3", "٣", "9" * 5_000])
def test_an_odd_limit_is_refused(client: APIClient, limit: str) -> None:
    answer = client.get(PROBE, {"limit": limit})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/limit")


def test_a_cursor_from_elsewhere_is_refused(
    client: APIClient, stranger: APIClient, seven: list[ServiceAccount]
) -> None:
    cursor = client.get(PROBE, {"limit": 2}).json()["next_cursor"]
    filtered = client.get(PROBE, {"limit": 2, "name": "x"})
    assert filtered.status_code == 200
    elsewhere = [
        stranger.get(PROBE, {"cursor": cursor}),
        client.get(ROWS, {"cursor": cursor}),
        client.get(PROBE, {"cursor": cursor, "name": "x"}),
        client.get(PROBE, {"cursor": cursor[:-1]}),
        client.get(PROBE, {"cursor": "x" + cursor}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in elsewhere] == [(400, "invalid_cursor")] * 5
    assert client.get(PROBE, {"cursor": cursor, "limit": 5}).status_code == 200


@pytest.mark.parametrize("cursor", ["", "x", ":", "WyIx:é", "%00", "a" * 100_000])
def test_what_is_no_cursor_is_refused(client: APIClient, cursor: str) -> None:
    answer = client.get(PROBE, {"cursor": cursor})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
