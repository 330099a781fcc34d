"""Agents over REST: Alice owns the workspace, Bob builds in it, Charlie belongs elsewhere."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Permission, Role
from apps.agents.models import Agent, AgentVersion
from apps.agents.services import archive_agent, set_label
from apps.contexts.models import Context
from tests.integration.accounts.people import bearer, join, key_of, make_user
from tests.integration.agents.making import make_agent, publish

URL = "/api/v1/agents"
DEFINITION = {"model": "scripted:echo", "instructions": "Be kind.", "tools": [{"name": "calculator"}]}


@pytest.fixture
def client(bob: Membership) -> APIClient:
    return bearer(key_of(bob).text)


@pytest.fixture
def stranger(charlie: Membership) -> APIClient:
    return bearer(key_of(charlie).text)


def test_from_nothing_to_production(client: APIClient, bob: Membership) -> None:
    created = client.post(URL, {"slug": "helper", "description": "Helps."})
    assert created.status_code == 201
    assert created.json() == {
        "id": str(Agent.objects.get().id),
        "slug": "helper",
        "name": "helper",
        "description": "Helps.",
        "newest_version": None,
        "labels": {},
        "archived_at": None,
        "created_at": created.json()["created_at"],
    }
    published = client.post(f"{URL}/helper/versions", DEFINITION)
    assert published.status_code == 201
    version = AgentVersion.objects.get()
    assert published.json() == {
        "id": str(version.id),
        "number": 1,
        "model": "scripted:echo",
        "labels": [],
        "digest": bytes(version.digest).hex(),
        "created_by": {"kind": "user", "id": str(bob.user_id)},
        "created_at": published.json()["created_at"],
        "definition": {
            "model": "scripted:echo",
            "instructions": "Be kind.",
            "settings": {},
            "output_schema": None,
            "tools": [{"name": "calculator", "version": "1.0.0", "config": {}, "approval": None}],
            "mounts": [],
            "limits": {"steps": 50, "tokens": None, "usd": None, "seconds": None},
            "streaming": False,
            "context_budget_tokens": 8000,
        },
    }
    again = client.post(f"{URL}/helper/versions", published.json()["definition"])
    assert (again.status_code, again.json()["number"]) == (201, 1)
    labelled = client.put(f"{URL}/helper/labels/production", {"version": 1})
    assert (labelled.status_code, labelled.json()["version"]) == (200, 1)
    shown = client.get(f"{URL}/helper").json()
    assert (shown["newest_version"], shown["labels"]) == (1, {"production": 1})


def test_an_agent_is_found_by_slug_and_by_id(client: APIClient, agent: Agent) -> None:
    by_slug, by_id = client.get(f"{URL}/helper"), client.get(f"{URL}/{agent.id}")
    assert by_slug.status_code == by_id.status_code == 200
    assert by_slug.json() == by_id.json()
    for name in ("nobody", "HELPER", "helper'--", "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11"):
        missing = client.get(f"{URL}/{name}")
        assert (missing.status_code, missing.json()["code"]) == (404, "agent_not_found")


def test_versions_are_listed_newest_first_without_their_definitions(client: APIClient, agent: Agent) -> None:
    for words in ("one", "two", "three"):
        publish(agent, instructions=words)
    set_label(agent, name="beta", number=2)
    page = client.get(f"{URL}/helper/versions", {"limit": 2}).json()
    assert [(row["number"], row["labels"], "definition" in row) for row in page["data"]] == [
        (3, [], False),
        (2, ["beta"], False),
    ]
    rest = client.get(f"{URL}/helper/versions", {"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [row["number"] for row in rest["data"]] == [1]
    assert client.get(f"{URL}/helper/versions/2").json()["definition"]["instructions"] == "two"
    missing = client.get(f"{URL}/helper/versions/4")
    assert (missing.status_code, missing.json()["code"]) == (404, "agent_version_not_found")


def test_the_list_holds_what_is_not_archived(client: APIClient, agent: Agent) -> None:
    for n in range(5):
        publish(make_agent(agent.workspace, f"agent-{n}"))
    archive_agent(Agent.objects.get(slug="agent-0"))
    listed = client.get(URL).json()["data"]
    assert [row["slug"] for row in listed] == ["agent-4", "agent-3", "agent-2", "agent-1", "helper"]
    assert [row["newest_version"] for row in listed] == [1, 1, 1, 1, None]
    assert [row["slug"] for row in client.get(URL, {"archived": "true"}).json()["data"]] == ["agent-0"]
    assert len(client.get(URL, {"archived": "false"}).json()["data"]) == 5


def test_name_and_description_change_and_the_slug_does_not(client: APIClient, agent: Agent) -> None:
    changed = client.patch(f"{URL}/helper", {"name": "Help desk"})
    assert (changed.status_code, changed.json()["name"], changed.json()["description"]) == (200, "Help desk", "")
    refused = client.patch(f"{URL}/helper", {"slug": "other", "workspace": "x"})
    assert refused.status_code == 422
    assert {fault["pointer"] for fault in refused.json()["errors"]} == {"/slug", "/workspace"}
    assert Agent.objects.get().slug == "helper"


def test_deleting_archives_and_restoring_brings_back(client: APIClient, agent: Agent) -> None:
    publish(agent)
    assert client.delete(f"{URL}/helper").status_code == 204
    assert client.get(f"{URL}/helper").json()["archived_at"] is not None
    refused = client.post(f"{URL}/helper/versions", DEFINITION)
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_archived")
    assert client.post(f"{URL}/helper/restore").json()["archived_at"] is None
    assert client.post(f"{URL}/helper/versions", DEFINITION).json()["number"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"slug": "ok", "labels": {}},
        *({"slug": slug} for slug in ("", "Helper", "a b", "a@1", "x" * 65, "é", "-a", None, [1])),
        {"slug": "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11"},
    ],
)
def test_a_slug_must_be_one(client: APIClient, body: dict[str, Any]) -> None:
    refused = client.post(URL, body)
    assert refused.status_code == 422
    assert refused.json()["errors"]
    assert not Agent.objects.exists()


def test_a_slug_is_taken_once_per_workspace(client: APIClient, stranger: APIClient, agent: Agent) -> None:
    taken = client.post(URL, {"slug": "helper"})
    assert (taken.status_code, taken.json()["code"]) == (409, "agent_exists")
    assert stranger.post(URL, {"slug": "helper"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/model", "missing"),
        ([], "", "model_type"),
        ("text", "", "model_type"),
        ({**DEFINITION, "modle": "x"}, "/modle", "extra_forbidden"),
        ({**DEFINITION, "model": "scripted:none"}, "/model", "language_model_not_found"),
        ({**DEFINITION, "settings": {"temprature": 1}}, "/settings", "unknown_setting"),
        ({**DEFINITION, "settings": {"temperature": "hot"}}, "/settings/temperature", "float_parsing"),
        ({**DEFINITION, "settings": {"extra_headers": {"authorization": "x"}}}, "/settings", "unknown_setting"),
        ({**DEFINITION, "limits": {"steps": 0}}, "/limits/steps", "greater_than_equal"),
        ({**DEFINITION, "limits": {"usd": -1}}, "/limits/usd", "greater_than"),
        ({**DEFINITION, "context_budget_tokens": 0}, "/context_budget_tokens", "greater_than_equal"),
        ({**DEFINITION, "mounts": [{"context": "x", "share": 1.1}]}, "/mounts/0/share", "less_than_equal"),
        ({**DEFINITION, "mounts": [{"context": "x", "access": "own"}]}, "/mounts/0/access", "literal_error"),
        ({**DEFINITION, "mounts": [{"context": "../x"}]}, "/mounts/0", "context_not_found"),
        ({**DEFINITION, "tools": [{"name": "none"}]}, "/tools/0/name", "tool_not_found"),
        ({**DEFINITION, "output_schema": {"type": 1}}, "/output_schema/type", "schema"),
        ({**DEFINITION, "instructions": "x" * 200_001}, "/instructions", "string_too_long"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(
    client: APIClient, agent: Agent, body: Any, pointer: str, code: str
) -> None:
    refused = client.post(f"{URL}/helper/versions", body, format="json")
    assert refused.status_code == 422
    assert refused.json()["code"] == "agent_definition_invalid"
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [(pointer, code)]
    assert not AgentVersion.objects.exists()


def test_labels_move_and_go(client: APIClient, agent: Agent) -> None:
    publish(agent)
    publish(agent, instructions="two")
    for number in (1, 2):
        assert client.put(f"{URL}/helper/labels/beta", {"version": number}).json()["version"] == number
    assert client.get(f"{URL}/helper").json()["labels"] == {"beta": 2}
    for body, status in (
        ({"version": 3}, 404),
        ({"version": "x"}, 422),
        ({}, 422),
        ({"version": 1, "protected": True}, 422),
    ):
        assert client.put(f"{URL}/helper/labels/beta", body).status_code == status
    assert client.put(f"{URL}/helper/labels/9", {"version": 1}).status_code == 422
    assert client.delete(f"{URL}/helper/labels/beta").status_code == 204
    assert client.delete(f"{URL}/helper/labels/beta").status_code == 404
    assert client.get(f"{URL}/helper").json()["labels"] == {}


def test_charlie_sees_and_changes_nothing(stranger: APIClient, agent: Agent, handbook: Context) -> None:
    publish(agent)
    set_label(agent, name="production", number=1)
    assert stranger.get(URL).json()["data"] == []
    for name in ("helper", agent.id):
        base = f"{URL}/{name}"
        answers = [
            stranger.get(base),
            stranger.patch(base, {"name": "Mine"}),
            stranger.delete(base),
            stranger.post(f"{base}/restore"),
            stranger.get(f"{base}/versions"),
            stranger.get(f"{base}/versions/1"),
            stranger.post(f"{base}/versions", DEFINITION),
            stranger.put(f"{base}/labels/production", {"version": 1}),
            stranger.delete(f"{base}/labels/production"),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "agent_not_found")] * 9
    agent.refresh_from_db()
    assert (agent.name, agent.archived_at, agent.labels.count(), agent.versions.count()) == ("Helper", None, 1, 1)


def test_charlie_cannot_mount_a_foreign_context(stranger: APIClient, sales: Workspace, handbook: Context) -> None:
    make_agent(sales, "spy")
    refused = stranger.post(f"{URL}/spy/versions", {**DEFINITION, "mounts": [{"context": str(handbook.id)}]})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "context_not_found")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_only_read_or_operate_changes_nothing(support: Workspace, agent: Agent, role: Role) -> None:
    reader = bearer(key_of(join(support, make_user("reader"), role)).text)
    assert reader.get(f"{URL}/helper").status_code == 200
    refused = [
        reader.post(URL, {"slug": "mine"}),
        reader.patch(f"{URL}/helper", {"name": "Mine"}),
        reader.delete(f"{URL}/helper"),
        reader.post(f"{URL}/helper/restore"),
        reader.post(f"{URL}/helper/versions", DEFINITION),
        reader.put(f"{URL}/helper/labels/x", {"version": 1}),
        reader.delete(f"{URL}/helper/labels/x"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 7
    assert Agent.objects.count() == 1


def test_a_key_without_the_scope_is_refused(bob: Membership, agent: Agent) -> None:
    narrow = bearer(key_of(bob, Permission.RUNS_READ).text)
    assert narrow.get(f"{URL}/helper").status_code == 403


def test_a_repeated_publish_with_one_idempotency_key_is_answered_once(client: APIClient, agent: Agent) -> None:
    headers = {"HTTP_IDEMPOTENCY_KEY": "k1"}
    first = client.post(f"{URL}/helper/versions", DEFINITION, **headers)
    publish(agent, instructions="between")
    second = client.post(f"{URL}/helper/versions", DEFINITION, **headers)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert AgentVersion.objects.count() == 2
