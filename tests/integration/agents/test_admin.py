"""Agents in the admin, as the platform's staff uses it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.agents.models import Agent, AgentVersion
from apps.agents.selectors import definition_of
from apps.agents.services import set_label
from apps.contexts.models import Context
from apps.contexts.services import create_context
from apps.providers.models import LanguageModel
from apps.tools.models import ToolVersion
from tests.integration.agents.making import publish


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse"))
    return client


def publishing(agent: Agent, **changes: Any) -> dict[str, Any]:
    """What a browser sends from the form of a version without tools and mounts."""
    return {
        "model": str(LanguageModel.objects.get(workspace=agent.workspace).pk),
        "instructions": "Be kind.",
        "settings": "{}",
        "output_schema": "",
        "steps": "20",
        "context_budget_tokens": "4000",
        "tool_bindings-TOTAL_FORMS": "0",
        "tool_bindings-INITIAL_FORMS": "0",
        "mounts-TOTAL_FORMS": "0",
        "mounts-INITIAL_FORMS": "0",
        **changes,
    }


def add_url(agent: Agent) -> str:
    return f"{reverse('admin:agents_agentversion_add')}?agent={agent.pk}"


def test_an_agent_is_made_and_described(staff: Client, support: Workspace) -> None:
    made = staff.post(
        reverse("admin:agents_agent_add"),
        {"workspace": support.pk, "slug": "helper", "name": "Helper", "description": "Helps."},
    )
    assert made.status_code == 302
    agent = Agent.objects.get()
    assert (agent.slug, agent.name, agent.description, agent.workspace) == ("helper", "Helper", "Helps.", support)
    refused = staff.post(
        reverse("admin:agents_agent_add"), {"workspace": support.pk, "slug": "helper", "name": "Again"}, follow=True
    )
    assert "already exists" in refused.content.decode()
    assert Agent.objects.count() == 1


def test_the_page_shows_versions_and_moves_labels(staff: Client, agent: Agent) -> None:
    first, second = publish(agent), publish(agent, instructions="Two.")
    label = set_label(agent, name="production", number=1)
    url = reverse("admin:agents_agent_change", args=[agent.pk])
    page = staff.get(url).content.decode()
    assert "helper@1" in page
    assert "helper@2" in page
    form = {
        "name": "Help desk",
        "description": "",
        "labels-TOTAL_FORMS": "2",
        "labels-INITIAL_FORMS": "1",
        "labels-0-id": label.pk,
        "labels-0-agent": agent.pk,
        "labels-0-name": "production",
        "labels-0-version": second.pk,
        "labels-1-agent": agent.pk,
        "labels-1-name": "previous",
        "labels-1-version": first.pk,
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }
    assert staff.post(url, form).status_code == 302
    agent.refresh_from_db()
    assert agent.name == "Help desk"
    assert {label.name: label.version.number for label in agent.labels.all()} == {"production": 2, "previous": 1}
    gone = {**form, "labels-TOTAL_FORMS": "1", "labels-0-DELETE": "on"}
    assert staff.post(url, gone).status_code == 302
    assert [label.name for label in agent.labels.all()] == ["previous"]


def test_a_version_is_published_through_the_form(staff: Client, agent: Agent, handbook: Context) -> None:
    calculator = ToolVersion.objects.get(tool__name="calculator")
    http_get = ToolVersion.objects.get(tool__name="http_get")
    sent = publishing(
        agent,
        settings='{"temperature": 0.5}',
        output_schema='{"type": "object", "properties": {"z": {}, "a": {}}}',
        usd="0.5",
        streaming="on",
        **{
            "tool_bindings-TOTAL_FORMS": "2",
            "tool_bindings-0-tool_version": calculator.pk,
            "tool_bindings-0-config": "{}",
            "tool_bindings-1-tool_version": http_get.pk,
            "tool_bindings-1-config": '{"hosts": ["example.com"]}',
            "mounts-TOTAL_FORMS": "1",
            "mounts-0-context": handbook.pk,
            "mounts-0-access": "write",
            "mounts-0-share": "0.5",
            "mounts-0-version": "",
        },
    )
    answer = staff.post(add_url(agent), sent)
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        reverse("admin:agents_agent_change", args=[agent.pk]),
    )
    version = AgentVersion.objects.get()
    definition = definition_of(version)
    assert definition.model_dump(mode="json", exclude_none=True) == {
        "model": "scripted:echo",
        "instructions": "Be kind.",
        "settings": {"temperature": 0.5},
        "output_schema": {"type": "object", "properties": {"z": {}, "a": {}}},
        "tools": [
            {"name": "calculator", "version": "1.0.0", "config": {}},
            {"name": "http_get", "version": "1.0.0", "config": {"hosts": ["example.com"]}},
        ],
        "mounts": [{"context": "handbook", "access": "write", "share": 0.5}],
        "limits": {"steps": 20, "usd": 0.5},
        "streaming": True,
        "context_budget_tokens": 4000,
    }
    assert definition.output_schema is not None
    assert list(definition.output_schema["properties"]) == ["z", "a"]  # type: ignore[arg-type]
    assert version.created_by_kind == "user"
    page = staff.get(reverse("admin:agents_agentversion_change", args=[version.pk])).content.decode()
    assert "Be kind." in page
    assert bytes(version.digest).hex() in page
    assert 'name="_save"' not in page


def test_the_form_starts_from_the_newest_version(staff: Client, agent: Agent, handbook: Context) -> None:
    publish(
        agent,
        instructions="As before.",
        tools=[{"name": "http_get", "config": {"hosts": ["example.com"]}}],
        mounts=[{"context": "handbook", "share": 0.25}],
        limits={"steps": 7},
    )
    answer = staff.get(add_url(agent))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "As before." in page
    assert 'name="tool_bindings-TOTAL_FORMS" value="1"' in page
    assert "example.com" in page
    assert 'name="mounts-TOTAL_FORMS" value="1"' in page
    assert 'value="0.25"' in page
    assert 'name="steps" value="7"' in page


def test_what_the_service_refuses_comes_back_with_what_was_typed(
    staff: Client, agent: Agent, handbook: Context
) -> None:
    sent = publishing(
        agent,
        instructions="A long text that nobody wants to type again.",
        output_schema='{"type": "strong"}',
        settings='{"temprature": 1}',
    )
    answer = staff.post(add_url(agent), sent)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "A long text that nobody wants to type again." in page
    assert "there is no setting temprature" in page
    fixed = staff.post(add_url(agent), {**sent, "settings": "{}"})
    assert "strong" in fixed.content.decode()
    assert not AgentVersion.objects.exists()


def test_only_rows_of_the_agents_workspace_can_be_chosen(staff: Client, agent: Agent, sales: Workspace) -> None:
    theirs = create_context(sales.id, path="secrets")
    page = staff.get(add_url(agent)).content.decode()
    assert str(theirs.pk) not in page
    foreign_model = LanguageModel.objects.get(workspace=sales)
    answer = staff.post(add_url(agent), publishing(agent, model=str(foreign_model.pk)))
    assert answer.status_code == 200
    assert "valid choice" in answer.content.decode()
    assert not AgentVersion.objects.exists()


def test_without_an_agent_the_form_sends_to_the_list(staff: Client) -> None:
    answer = staff.get(reverse("admin:agents_agentversion_add"))
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("admin:agents_agent_changelist"))


def test_agents_are_archived_and_restored_from_the_list(staff: Client, agent: Agent) -> None:
    url = reverse("admin:agents_agent_changelist")
    staff.post(url, {"action": "archive", "_selected_action": [str(agent.pk)]})
    agent.refresh_from_db()
    assert agent.archived_at is not None
    assert "archived" in staff.get(url).content.decode()
    staff.post(url, {"action": "restore", "_selected_action": [str(agent.pk)]})
    agent.refresh_from_db()
    assert agent.archived_at is None


def test_the_button_leads_to_the_form(staff: Client, agent: Agent) -> None:
    page = staff.get(reverse("admin:agents_agent_change", args=[agent.pk])).content.decode()
    assert "Publish a version" in page
    answer = staff.get(reverse("admin:agents_agent_publish", args=[agent.pk]))
    assert (answer.status_code, answer.headers["Location"]) == (302, add_url(agent))


def test_tools_are_shown_with_their_schemas(staff: Client, db: None) -> None:
    listed = staff.get(reverse("admin:tools_tool_changelist")).content.decode()
    for name in ("calculator", "search_context", "Read only", "Idempotent"):
        assert name in listed
    tool = ToolVersion.objects.get(tool__name="calculator").tool
    page = staff.get(reverse("admin:tools_tool_change", args=[tool.pk])).content.decode()
    assert "&quot;maxLength&quot;: 300" in page
    assert 'name="_save"' not in page


def test_a_visitor_without_rights_is_sent_away(client: Client, agent: Agent) -> None:
    client.force_login(User.objects.create_user("viewer@example.org", "correct horse", is_staff=True))
    for name in ("admin:agents_agent_changelist", "admin:tools_tool_changelist"):
        assert client.get(reverse(name)).status_code == 403
    assert client.get(add_url(agent)).status_code == 403
    assert client.post(add_url(agent), publishing(agent)).status_code == 403
    assert not AgentVersion.objects.exists()
