"""A workspace with one key and one scripted agent: what acceptance tests and benchmarks submit runs to."""

from typing import Any

from apps.accounts.models import User, Workspace
from apps.accounts.permissions import Role
from apps.accounts.services import create_api_key, create_service_account, create_workspace
from apps.agents.definition import read_definition
from apps.agents.services import create_agent, publish_version
from apps.core.ids import new_id
from apps.providers.services import create_model, create_provider
from apps.tools.services import sync_registry

AGENT = "scripted"


def seed_scripted_agent(spec: dict[str, Any]) -> dict[str, str]:
    """Make the rows; the key's text and the ids. `spec` is described in seeding.py."""
    sync_registry()
    owner = User.objects.create_user(f"{new_id()}@example.com")
    workspace = create_workspace(f"w-{new_id()}", name="Scripted", owner=owner)
    account = create_service_account(workspace, name="scripted", role=Role.ADMIN)
    key = create_api_key(account.membership, name="scripted")
    _scripted_agent(workspace, spec)
    return {"api_key": key.text, "workspace_id": str(workspace.id), "agent": AGENT}


def _scripted_agent(workspace: Workspace, spec: dict[str, Any]) -> None:
    provider = create_provider(workspace.id, slug="scripted", kind="scripted")
    create_model(provider, name="script", script=spec["script"])
    definition = read_definition(
        {
            "model": "scripted:script",
            "instructions": spec.get("instructions", ""),
            "tools": [{"name": name} for name in spec.get("tools", ())],
            "streaming": spec.get("streaming", False),
            "limits": spec.get("limits", {}),
        }
    )
    publish_version(create_agent(workspace.id, slug=AGENT), definition=definition)
