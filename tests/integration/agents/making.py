"""Agents to test with: a workspace with a scripted model, a context, and definitions that name them."""

from typing import Any

from apps.accounts.models import Workspace
from apps.agents.definition import AgentDefinition, read_definition
from apps.agents.models import Agent, AgentVersion
from apps.agents.services import create_agent, publish_version
from apps.providers.models import LanguageModel
from apps.providers.services import create_model, create_provider

SCRIPT = {"turns": [{"text": "Hello."}], "repeat_last": True}


def make_model(workspace: Workspace, name: str = "echo") -> LanguageModel:
    """The model `scripted:<name>`."""
    provider = create_provider(workspace.id, slug="scripted", kind="scripted")
    return create_model(provider, name=name, script=SCRIPT)


def a_definition(**changes: Any) -> AgentDefinition:
    return read_definition({"model": "scripted:echo", "instructions": "Be kind.", **changes})


def make_agent(workspace: Workspace, slug: str = "helper") -> Agent:
    return create_agent(workspace.id, slug=slug, name=slug.capitalize())


def publish(agent: Agent, **changes: Any) -> AgentVersion:
    return publish_version(agent, definition=a_definition(**changes))
