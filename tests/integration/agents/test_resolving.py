"""What `slug`, `slug@3` and `slug@label` mean."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Workspace
from apps.agents.exceptions import AgentArchived, AgentNotFound, AgentVersionNotFound, InvalidAgentDefinition
from apps.agents.models import Agent
from apps.agents.selectors import resolve_version, version_bundle
from apps.agents.services import archive_agent, delete_label, set_label
from apps.contexts.models import Context
from apps.tools.effects import Effect
from apps.tools.registry import registry
from tests.integration.agents.making import make_agent, publish


@pytest.fixture
def three_versions(agent: Agent) -> Agent:
    for words in ("one", "two", "three"):
        publish(agent, instructions=words)
    return agent


def test_a_bare_slug_is_the_newest_version_until_production_is_named(three_versions: Agent) -> None:
    workspace = three_versions.workspace_id
    assert resolve_version(workspace, "helper").number == 3
    set_label(three_versions, name="production", number=1)
    assert resolve_version(workspace, "helper").number == 1
    delete_label(three_versions, name="production")
    assert resolve_version(workspace, "helper").number == 3


def test_numbers_and_labels(three_versions: Agent) -> None:
    set_label(three_versions, name="beta", number=2)
    workspace = three_versions.workspace_id
    assert resolve_version(workspace, "helper@1").instructions == "one"
    assert resolve_version(workspace, "helper@beta").instructions == "two"
    set_label(three_versions, name="beta", number=3)
    assert resolve_version(workspace, "helper@beta").instructions == "three"
    assert [label.name for label in three_versions.labels.all()] == ["beta"]


@pytest.mark.parametrize("reference", ["helper", "helper@2", "helper@beta"])
def test_one_query_answers_for_a_known_version(three_versions: Agent, reference: str) -> None:
    set_label(three_versions, name="beta", number=2)
    resolve_version(three_versions.workspace_id, reference)
    with CaptureQueriesContext(connection) as queries:
        version = resolve_version(three_versions.workspace_id, reference)
        assert (version.agent_id, version.limits, version.streaming) == (three_versions.id, {"steps": 50}, False)
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("nobody", AgentNotFound),
        ("nobody@1", AgentNotFound),
        ("", AgentNotFound),
        ("HELPER", AgentNotFound),
        ("helper@", AgentNotFound),
        ("helper@1@2", AgentNotFound),
        ("helper\0", AgentNotFound),
        ("helper ", AgentNotFound),
        ("helper@4", AgentVersionNotFound),
        ("helper@0", AgentVersionNotFound),
        ("helper@99999999999999999999", AgentVersionNotFound),
        ("helper@beta", AgentVersionNotFound),
        ("helper@production", AgentVersionNotFound),
    ],
)
def test_what_is_not_there_says_what_is_missing(three_versions: Agent, reference: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        resolve_version(three_versions.workspace_id, reference)
    assert type(caught.value) is error


def test_an_agent_without_versions_has_none(agent: Agent) -> None:
    with pytest.raises(AgentVersionNotFound, match="no published version"):
        resolve_version(agent.workspace_id, "helper")


def test_an_archived_agent_is_refused(three_versions: Agent) -> None:
    archive_agent(three_versions)
    with pytest.raises(AgentArchived):
        resolve_version(three_versions.workspace_id, "helper@1")


def test_agents_of_other_workspaces_do_not_exist(three_versions: Agent, sales: Workspace) -> None:
    with pytest.raises(AgentNotFound):
        resolve_version(sales.id, "helper")
    publish(make_agent(sales), instructions="theirs")
    assert resolve_version(sales.id, "helper").instructions == "theirs"
    assert resolve_version(three_versions.workspace_id, "helper").instructions == "three"


@pytest.mark.parametrize("name", ["3", "3rd", "Production", "a b", "", "x" * 41, "a@b"])
def test_a_label_must_not_look_like_something_else(three_versions: Agent, name: str) -> None:
    with pytest.raises(InvalidAgentDefinition):
        set_label(three_versions, name=name, number=1)


def test_labels_point_at_versions_that_exist(three_versions: Agent) -> None:
    with pytest.raises(AgentVersionNotFound):
        set_label(three_versions, name="beta", number=4)
    with pytest.raises(AgentVersionNotFound):
        delete_label(three_versions, name="beta")


def test_a_bundle_holds_all_of_a_version_after_three_queries(agent: Agent, handbook: Context) -> None:
    version = publish(
        agent,
        settings={"temperature": 0.5},
        tools=[{"name": "http_get", "config": {"hosts": ["example.com"]}}, {"name": "calculator"}],
        mounts=[{"context": "handbook", "share": 0.5}],
        limits={"steps": 7},
    )
    with CaptureQueriesContext(connection) as queries:
        bundle = version_bundle(version.id)
    assert len(queries) == 3
    with CaptureQueriesContext(connection) as queries:
        assert version_bundle(version.id) is bundle
    assert len(queries) == 0
    assert (bundle.version_id, bundle.agent_id, bundle.workspace_id) == (version.id, agent.id, agent.workspace_id)
    assert (bundle.number, bundle.model_id, bundle.instructions) == (1, version.model_id, "Be kind.")
    assert (bundle.settings, bundle.limits) == ({"temperature": 0.5}, {"steps": 7})
    assert (bundle.output_schema, bundle.streaming, bundle.context_budget_tokens) == (None, False, 8000)
    assert [(tool.name, tool.version, tool.effect) for tool in bundle.tools] == [
        ("http_get", "1.0.0", Effect.READ_ONLY),
        ("calculator", "1.0.0", Effect.READ_ONLY),
    ]
    assert bundle.tools[0].config == {"hosts": ["example.com"]}
    assert bundle.tools[1].digest == registry().get("calculator", "1.0.0").digest
    (mount,) = bundle.mounts
    assert (mount.context_id, mount.version, mount.access, mount.share) == (handbook.id, None, "read", 0.5)


def test_a_bundle_of_nothing_is_refused(agent: Agent) -> None:
    with pytest.raises(AgentVersionNotFound):
        version_bundle(agent.id)
