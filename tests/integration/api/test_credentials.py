"""Without a valid key nothing of a run is told."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from rest_framework.test import APIClient

from apps.accounts.models import ApiKey, Membership
from apps.accounts.services import revoke_api_key
from apps.runs.models import Run
from tests.integration.accounts.people import bearer, key_of
from tests.integration.api.problems import problem
from tests.integration.runs.world import make_agent, set_up_run


@pytest.fixture
def key(support) -> str:
    return key_of(Membership.objects.get(workspace=support)).text


def asked(client: APIClient, run: Run) -> list:
    address = f"/api/v1/runs/{run.id}"
    return [
        client.get("/api/v1/runs"),
        client.get(address),
        client.get(f"{address}/events", headers={"Accept": "text/event-stream"}),
        client.post("/api/v1/runs", {"agent": "docs", "input": "x"}),
        client.post(f"{address}/cancel"),
        client.delete(address),
        client.get("/api/v1/threads"),
    ]


@pytest.fixture
def run(support) -> Run:
    return set_up_run(support)


def test_it_works(key, run):
    assert bearer(key).get(f"/api/v1/runs/{run.id}").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer cef_aaaaaaaa_" + "b" * 43 + "_cccccc",
        "Bearer " + "a" * 10_000,
        "Bearer \xff\xfe",
        "Basic YTpi",
        "Token x",
        "bearer null",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ],
)
def test_no_key_or_none_that_is_one(run, header):
    client = APIClient()
    if header is not None:
        client.credentials(HTTP_AUTHORIZATION=header)
    for answer in asked(client, run):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert Run.objects.get().status == "queued"


def test_a_key_with_one_letter_changed(key, run):
    for place in (5, 20, len(key) - 1):
        changed = key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :]
        for answer in asked(bearer(changed), run):
            problem(answer, 401, "invalid_api_key")


def test_an_expired_key(key, run):
    ApiKey.objects.update(expires_at=Now() - timedelta(seconds=1))
    for answer in asked(bearer(key), run):
        problem(answer, 401, "api_key_expired")


def test_a_revoked_key(key, run):
    revoke_api_key(ApiKey.objects.get())
    for answer in asked(bearer(key), run):
        problem(answer, 401, "api_key_revoked")


def test_a_member_who_left(key, support, run):
    Membership.objects.filter(workspace=support).delete()
    for answer in asked(bearer(key), run):
        problem(answer, 401, "invalid_api_key")


def test_a_user_who_is_switched_off(key, alice, run):
    alice.is_active = False
    alice.save()
    for answer in asked(bearer(key), run):
        problem(answer, 401, "invalid_api_key")


def test_the_key_names_the_workspace_whatever_else_is_said(key, sales, run):
    make_agent(sales)
    answer = bearer(key).get("/api/v1/runs", headers={"CEF-Workspace": "sales"})
    assert answer.status_code in {200, 403, 409, 422}
    if answer.status_code == 200:
        assert [row["id"] for row in answer.json()["data"]] == [str(run.id)]
