"""Publishing a definition as an immutable version."""

import threading
import uuid
from functools import reduce
from operator import add
from typing import Any

import pytest
from django.db import connections, transaction

from apps.accounts.models import Workspace
from apps.agents import services
from apps.agents.definition import Author
from apps.agents.exceptions import AgentArchived, InvalidAgentDefinition, VersionIsImmutable
from apps.agents.models import Agent, AgentVersion, ContextMount, ToolBinding
from apps.agents.selectors import definition_of, version_numbered
from apps.contexts.models import Context
from apps.contexts.services import create_context, write_note
from apps.providers.models import LanguageModel
from apps.tools.models import ToolVersion
from tests.integration.agents.making import a_definition, make_agent, publish

SCHEMA = {
    "type": "object",
    "properties": {"reasoning": {"type": "string"}, "answer": {"type": "string"}, "a": {"type": "integer"}},
    "required": ["answer"],
}


def test_it_works(agent: Agent, handbook: Context) -> None:
    author = Author("user", uuid.uuid4())
    definition = a_definition(
        settings={"temperature": 0.2, "openai_reasoning_effort": "low"},
        output_schema=SCHEMA,
        tools=[{"name": "calculator"}, {"name": "http_get", "config": {"hosts": ["example.com"]}}],
        mounts=[{"context": "handbook", "share": 0.5, "access": "write"}],
        limits={"steps": 5, "usd": 0.25},
        streaming=True,
        context_budget_tokens=2000,
    )
    version = services.publish_version(agent, definition=definition, author=author)
    stored = AgentVersion.objects.get()
    assert stored == version
    assert (str(stored), stored.workspace_id, str(stored.model)) == ("helper@1", agent.workspace_id, "scripted:echo")
    assert stored.settings == {"temperature": 0.2, "openai_reasoning_effort": "low"}
    assert stored.limits == {"steps": 5, "usd": 0.25}
    assert (stored.streaming, stored.context_budget_tokens, stored.instructions) == (True, 2000, "Be kind.")
    assert (stored.created_by_kind, stored.created_by_id) == (author.kind, author.id)
    bindings = ToolBinding.objects.values_list(
        "position", "tool_version__tool__name", "tool_version__version", "config"
    )
    assert list(bindings) == [
        (0, "calculator", "1.0.0", {}),
        (1, "http_get", "1.0.0", {"hosts": ["example.com"]}),
    ]
    mounts = ContextMount.objects.values_list("context", "version", "access", "share", "position", "workspace")
    assert list(mounts) == [(handbook.id, None, "write", 0.5, 0, agent.workspace_id)]


def test_an_output_schema_keeps_the_order_of_its_properties(agent: Agent) -> None:
    publish(agent, output_schema=SCHEMA)
    stored = AgentVersion.objects.get().output_schema
    assert stored is not None
    assert list(stored["properties"]) == ["reasoning", "answer", "a"]
    other = {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))}  # type: ignore[attr-defined]
    assert publish(agent, output_schema=other).number == 2


def test_publishing_the_newest_definition_again_changes_nothing(agent: Agent) -> None:
    first = publish(agent, tools=[{"name": "calculator"}])
    assert publish(agent, tools=[{"name": "calculator", "version": "1.0.0"}]) == first
    assert AgentVersion.objects.count() == 1
    second = publish(agent)
    assert (second.number, second.digest != first.digest) == (2, True)


def test_going_back_to_an_older_definition_is_a_new_version(agent: Agent) -> None:
    """What a bare slug means is what was published last."""
    first, second, third = publish(agent), publish(agent, instructions="Be brief."), publish(agent)
    assert [version.number for version in (first, second, third)] == [1, 2, 3]
    assert bytes(first.digest) == bytes(third.digest)


def test_a_version_can_be_published_from_what_it_shows(agent: Agent, handbook: Context) -> None:
    version = publish(
        agent,
        output_schema=SCHEMA,
        tools=[{"name": "http_get", "config": {"hosts": ["example.com"]}}],
        mounts=[{"context": str(handbook.id), "share": 0.1}],
        limits={"steps": None, "tokens": 100},
    )
    shown = definition_of(version_numbered(agent, 1))
    assert shown.mounts[0].context == "handbook"
    assert shown.limits.steps is None
    assert services.publish_version(agent, definition=shown) == version
    other = make_agent(agent.workspace, "other")
    assert bytes(services.publish_version(other, definition=shown).digest) == bytes(version.digest)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"model": "scripted:none"}, [("/model", "language_model_not_found")]),
        ({"model": "echo"}, [("/model", "language_model_not_found")]),
        ({"tools": [{"name": "none"}]}, [("/tools/0/name", "tool_not_found")]),
        ({"tools": [{"name": "calculator", "version": "9.9.9"}]}, [("/tools/0/name", "tool_not_found")]),
        ({"tools": [{"name": "calculator"}, {"name": "calculator"}]}, [("/tools/1/name", "tool_twice")]),
        (
            {"tools": [{"name": "http_get", "config": {"hosts": [1], "ports": []}}]},
            [("/tools/0/config/hosts/0", "config_invalid"), ("/tools/0/config", "config_invalid")],
        ),
        ({"mounts": [{"context": "none"}]}, [("/mounts/0", "context_not_found")]),
        ({"mounts": [{"context": str(uuid.uuid4())}]}, [("/mounts/0", "context_not_found")]),
        ({"mounts": [{"context": "handbook", "version": 7}]}, [("/mounts/0", "version_not_found")]),
        ({"mounts": [{"context": "handbook"}] * 2}, [("/mounts/1/context", "mount_twice")]),
        (
            {"mounts": [{"context": "handbook", "share": 0.6}, {"context": "handbook/faq", "share": 0.5}]},
            [("/mounts", "shares_exceed_budget")],
        ),
        ({"output_schema": {"type": "strong"}}, [("/output_schema/type", "schema")]),
        ({"output_schema": {"$ref": "https://example.com/x"}}, [("/output_schema/$ref", "remote_ref")]),
        ({"output_schema": {"type": "string"}}, [("/output_schema/type", "schema_invalid")]),
        (
            {"model": "x:y", "tools": [{"name": "none"}], "mounts": [{"context": "none"}]},
            [
                ("/model", "language_model_not_found"),
                ("/tools/0/name", "tool_not_found"),
                ("/mounts/0", "context_not_found"),
            ],
        ),
    ],
)
def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(
    agent: Agent, handbook: Context, changes: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    create_context(agent.workspace_id, path="handbook/faq")
    with pytest.raises(InvalidAgentDefinition) as caught:
        publish(agent, **changes)
    assert sorted((fault.pointer, fault.code) for fault in caught.value.errors) == sorted(faults)
    assert not AgentVersion.objects.exists()


def test_shares_may_add_up_to_one_in_floating_point(agent: Agent) -> None:
    shares = (0.05, 0.55, 0.3, 0.1)
    assert reduce(add, shares) > 1  # Python 3.12's sum() would compensate
    for n in range(4):
        create_context(agent.workspace_id, path=f"part-{n}")
    publish(agent, mounts=[{"context": f"part-{n}", "share": share} for n, share in enumerate(shares)])
    assert sorted(ContextMount.objects.values_list("share", flat=True)) == sorted(shares)


def test_a_written_context_cannot_be_held_at_a_version(agent: Agent, handbook: Context) -> None:
    write_note(handbook, text="first")
    with pytest.raises(InvalidAgentDefinition) as caught:
        publish(agent, mounts=[{"context": "handbook", "version": 1, "access": "write"}])
    assert [fault.code for fault in caught.value.errors] == ["mount_pinned"]
    assert publish(agent, mounts=[{"context": "handbook", "version": 1}]).number == 1


def test_what_is_switched_off_is_not_bound(agent: Agent) -> None:
    LanguageModel.objects.update(is_active=False)
    ToolVersion.objects.filter(tool__name="calculator").update(is_available=False, unavailable_reason="Gone.")
    with pytest.raises(InvalidAgentDefinition) as caught:
        publish(agent, tools=[{"name": "calculator"}])
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [
        ("/model", "model_inactive"),
        ("/tools/0", "tool_unavailable"),
    ]


def test_rows_of_another_workspace_do_not_exist(agent: Agent, sales: Workspace) -> None:
    theirs = create_context(sales.id, path="secrets")
    LanguageModel.objects.filter(workspace=agent.workspace).update(name="renamed")
    with pytest.raises(InvalidAgentDefinition) as caught:
        publish(agent, mounts=[{"context": str(theirs.id)}, {"context": "secrets"}])
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [
        ("/model", "language_model_not_found"),
        ("/mounts/0", "context_not_found"),
        ("/mounts/1", "context_not_found"),
    ]


def test_an_archived_agent_takes_no_versions_and_no_labels(agent: Agent) -> None:
    publish(agent)
    services.archive_agent(agent)
    with pytest.raises(AgentArchived):
        publish(agent, instructions="More.")
    with pytest.raises(AgentArchived):
        services.set_label(agent, name="production", number=1)
    services.restore_agent(agent)
    assert publish(agent, instructions="More.").number == 2


def test_a_version_cannot_be_changed(agent: Agent, handbook: Context) -> None:
    version = publish(agent, mounts=[{"context": "handbook"}], tools=[{"name": "calculator"}])
    version.instructions = "Be evil."
    mount, binding = version.mounts.get(), version.tool_bindings.get()
    for change in (
        version.save,
        mount.save,
        binding.save,
        lambda: version.save(update_fields=["instructions"]),
        lambda: AgentVersion.objects.update(instructions="Be evil."),
        lambda: agent.versions.update(instructions="Be evil."),
        lambda: agent.versions.filter(number=1).update(number=2),
        lambda: version.mounts.update(access="write"),
        lambda: AgentVersion.objects.bulk_update([version], ["instructions"]),
        lambda: AgentVersion.objects.update_or_create(agent=agent, number=1, defaults={"instructions": "Be evil."}),
    ):
        with pytest.raises(VersionIsImmutable), transaction.atomic():
            change()
    assert AgentVersion.objects.get().instructions == "Be kind."


@pytest.mark.django_db(transaction=True)
def test_two_publishers_at_once_get_two_numbers(support: Workspace) -> None:
    """Both would read the same newest number without the agent's lock."""
    agent = make_agent(support)
    start, numbers = threading.Barrier(4), []

    def work(words: str) -> None:
        start.wait()
        numbers.append(publish(agent, instructions=words).number)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(f"Say {n}.",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]
