"""Tools over REST: read only."""

import pytest
from rest_framework.test import APIClient

from apps.accounts.permissions import Role
from apps.tools.models import Tool, ToolVersion
from apps.tools.registry import registry
from tests.integration.accounts.people import bearer, join, key_of, make_user, make_workspace

URL = "/api/v1/tools"


@pytest.fixture
def client(db: None) -> APIClient:
    workspace = make_workspace("support", make_user("alice"))
    return bearer(key_of(join(workspace, make_user("bob"), Role.VIEWER)).text)


def a_version(tool: Tool, version: str, **fields: object) -> ToolVersion:
    values = {
        "description": version,
        "input_schema": {"type": "object"},
        "config_schema": {},
        "digest": b"x",
        "timeout_s": 1,
    }
    return ToolVersion.objects.create(tool=tool, version=version, **values | fields)


def test_the_built_in_tools_are_listed(client: APIClient) -> None:
    body = client.get(URL).json()
    rows = {row["name"]: row for row in body["data"]}
    assert set(rows) == {name for name, _ in registry().tools}
    assert {row["is_available"] for row in rows.values()} == {True}
    effects = {name: row["effect"] for name, row in rows.items() if name != "create_ticket"}
    assert effects == {
        "ask": "read_only",
        "calculator": "read_only",
        "current_time": "read_only",
        "http_get": "read_only",
        "http_request": "unsafe",
        "note": "idempotent",
        "open_reference": "read_only",
        "run_agent": "read_only",
        "search_context": "read_only",
        "sleep": "read_only",
        "wait_for_event": "read_only",
    }
    assert "input_schema" not in rows["calculator"]


def test_pages_do_not_repeat_or_skip(client: APIClient) -> None:
    names, cursor = [], None
    while True:
        page = client.get(URL, {"limit": 4, **({"cursor": cursor} if cursor else {})}).json()
        names += [row["name"] for row in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert len(names) == len(set(names)) == len(registry().tools)


def test_one_tool_shows_its_contract(client: APIClient) -> None:
    shown = client.get(f"{URL}/calculator").json()
    definition = registry().get("calculator", "1.0.0")
    assert shown["id"] == str(Tool.objects.get(name="calculator").id)
    assert (shown["version"], shown["source"], shown["digest"]) == ("1.0.0", "workers.toolbox", definition.digest.hex())
    assert (shown["input_schema"], shown["output_schema"]) == (definition.input_schema, definition.output_schema)
    assert shown["config_schema"] == {"type": "object", "additionalProperties": False}


def test_a_tool_shows_the_version_that_an_agent_would_get(client: APIClient) -> None:
    tool = Tool.objects.create(name="greet")
    for version in ("1.9.0", "1.10.0", "2.0.0-rc.1"):
        a_version(tool, version)
    a_version(tool, "3.0.0", is_available=False, unavailable_reason="Gone.")
    assert client.get(f"{URL}/greet").json()["version"] == "1.10.0"
    versions = client.get(f"{URL}/greet/versions").json()["data"]
    assert [row["version"] for row in versions] == ["3.0.0", "2.0.0-rc.1", "1.10.0", "1.9.0"]
    assert versions[0]["unavailable_reason"] == "Gone."
    assert versions[0]["name"] == "greet"


def test_a_list_costs_the_same_however_many_tools(client: APIClient, django_assert_max_num_queries) -> None:
    for n in range(20):
        a_version(Tool.objects.create(name=f"tool_{n}"), "1.0.0")
    client.get(URL)
    with django_assert_max_num_queries(5):
        assert len(client.get(URL).json()["data"]) == 20 + len(registry().tools)


def test_nobody_writes_tools(client: APIClient) -> None:
    for answer in (
        client.post(URL, {}),
        client.put(f"{URL}/note", {}),
        client.delete(f"{URL}/note"),
        client.patch(URL),
    ):
        assert answer.status_code == 405
    assert client.get(f"{URL}/none").status_code == 404
    assert client.get(f"{URL}/none/versions").status_code == 404


def test_tools_of_another_workspace_do_not_exist(client: APIClient) -> None:
    theirs = make_workspace("sales", make_user("charlie"))
    a_version(Tool.objects.create(name="secret_tool", workspace=theirs), "1.0.0")
    assert "secret_tool" not in {row["name"] for row in client.get(URL).json()["data"]}
    assert client.get(f"{URL}/secret_tool").status_code == 404
    assert client.get(f"{URL}/secret_tool/versions").status_code == 404


def test_a_stranger_sees_nothing(db: None) -> None:
    assert APIClient().get(URL).status_code == 401
