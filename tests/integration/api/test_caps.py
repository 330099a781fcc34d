"""Caps over REST: who manages the workspace sets them, everybody in it may look."""

import pytest

from apps.accounts.models import ApiKey
from apps.accounts.permissions import Role
from apps.core.ids import new_id
from apps.runs.models import Cap, Run, Slot
from tests.integration.api.problems import pointers, problem
from tests.integration.runs.world import claim, make_agent, set_up_run

URL = "/api/v1/caps"


def test_it_works(client, support):
    set_up_run(support)
    answer = client.post(URL, {"kind": "agent", "subject": "docs", "slots": 5})
    body = answer.json()
    cap = Cap.objects.get()
    assert answer.status_code == 200
    assert body == {
        "id": str(cap.id),
        "kind": "agent",
        "subject": "docs",
        "slots": 5,
        "running": 0,
        "created_at": body["created_at"],
    }
    assert claim() is not None
    assert client.get(URL).json() == {"data": [body | {"running": 1}], "next_cursor": None, "has_more": False}
    assert client.delete(f"{URL}/{cap.id}").status_code == 204
    assert not Slot.objects.exists()


def test_setting_a_cap_again_changes_it(client, support):
    first = client.post(URL, {"kind": "workspace", "slots": 5}).json()
    second = client.post(URL, {"kind": "workspace", "slots": 2}).json()
    assert (second["id"], second["subject"], second["slots"]) == (first["id"], "support", 2)
    assert Slot.objects.count() == 2


def test_a_cap_of_the_key_that_asks(client, support):
    """A run counts under the key that submitted it."""
    make_agent(support)
    key = ApiKey.objects.get(membership__workspace=support)
    body = client.post(URL, {"kind": "key", "subject": key.id, "slots": 1}).json()
    assert body["subject"] == key.id
    ids = [client.post("/api/v1/runs", {"agent": "docs", "input": "x"}).json()["id"] for _ in range(2)]
    row = claim()
    assert row is not None
    assert (str(row["id"]), claim()) == (ids[0], None)


def test_a_run_that_no_key_asked_for_is_free(client, support):
    key = ApiKey.objects.get(membership__workspace=support)
    client.post(URL, {"kind": "key", "subject": key.id, "slots": 0})
    set_up_run(support)
    assert claim() is not None


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"kind": "agent", "slots": 1}, "/subject", "subject_mismatch"),
        ({"kind": "workspace", "subject": "support", "slots": 1}, "/subject", "subject_mismatch"),
        ({"kind": "model", "slots": 1}, "/kind", "invalid_choice"),
        ({"kind": "workspace"}, "/slots", "required"),
        ({"kind": "workspace", "slots": -1}, "/slots", "min_value"),
        ({"kind": "workspace", "slots": 10_001}, "/slots", "max_value"),
        ({"kind": "workspace", "slots": 1, "workspace": "sales"}, "/workspace", "unknown_field"),
    ],
)
def test_what_is_wrong(client, body, pointer, code):
    answer = client.post(URL, body)
    assert answer.status_code == 422
    assert pointers(answer.json()) == {pointer: code}
    assert not Cap.objects.exists()


def test_what_is_not_there(client, support, sales):
    make_agent(sales, slug="theirs")
    problem(client.post(URL, {"kind": "agent", "subject": "theirs", "slots": 1}), 404, "agent_not_found")
    problem(client.post(URL, {"kind": "key", "subject": "Ab12Cd34", "slots": 1}), 404, "api_key_not_found")
    problem(client.delete(f"{URL}/{new_id()}"), 404, "cap_not_found")


def test_another_workspaces_cap(client, stranger):
    cap = client.post(URL, {"kind": "workspace", "slots": 1}).json()
    problem(stranger.delete(f"{URL}/{cap['id']}"), 404, "cap_not_found")
    assert stranger.get(URL).json()["data"] == []
    assert Cap.objects.count() == 1


@pytest.mark.parametrize("role", [Role.BUILDER, Role.OPERATOR, Role.VIEWER])
def test_only_who_manages_the_workspace_sets_caps(bob, client, role):
    cap = client.post(URL, {"kind": "workspace", "slots": 1}).json()
    theirs = bob(role)
    problem(theirs.post(URL, {"kind": "workspace", "slots": 9}), 403, "permission_denied")
    problem(theirs.delete(f"{URL}/{cap['id']}"), 403, "permission_denied")
    assert theirs.get(URL).json()["data"] == [cap]
    assert Cap.objects.get().slots == 1


def test_the_platforms_cap_is_no_workspaces_to_raise(client, settings):
    settings.CEF_WORKSPACE_SLOTS = 3
    problem(client.post(URL, {"kind": "workspace", "slots": 4}), 403, "above_platform_cap")
    assert client.post(URL, {"kind": "workspace", "slots": 2}).status_code == 200


def test_a_repeated_request_sets_it_once(client, support):
    headers = {"Idempotency-Key": "k1"}
    first = client.post(URL, {"kind": "workspace", "slots": 1}, headers=headers)
    Cap.objects.update(slots=7)
    again = client.post(URL, {"kind": "workspace", "slots": 1}, headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert Cap.objects.get().slots == 7


def test_runs_by_key_are_told_apart(client, support):
    make_agent(support)
    client.post("/api/v1/runs", {"agent": "docs", "input": "x"})
    key = ApiKey.objects.get(membership__workspace=support)
    assert Run.objects.get().api_key_id.bytes[8:] == key.id.encode()


def test_without_a_cap_of_its_own_a_workspace_keeps_the_platforms(client, support, settings):
    """Not only from the next sweep on: until then it could start any number of runs."""
    settings.CEF_WORKSPACE_SLOTS = 3
    own = client.post(URL, {"kind": "workspace", "slots": 2}).json()
    assert client.delete(f"{URL}/{own['id']}").status_code == 204
    assert list(Cap.objects.values_list("workspace_id", "kind", "slots")) == [(support.id, "workspace", 3)]
    settings.CEF_WORKSPACE_SLOTS = 0
    assert client.delete(f"{URL}/{own['id']}").status_code == 204
    assert not Cap.objects.exists()
