"""The rows of the engine's arm: `python -m tests.chaos.seeding < spec.json`; what the client needs is printed."""

import json
import sys
from typing import Any

import django

AGENTS = (
    ("plain", False, ("look_up", "reserve", "charge")),
    ("streaming", True, ("look_up", "reserve", "charge")),
    ("poison", False, ("leave", "crash", "flood", "babble")),
)


def main() -> None:
    """A workspace, an agent that streams and one that does not, and one with deadly tools, on the model server."""
    django.setup()
    print(json.dumps(_seed(json.load(sys.stdin))))


def _seed(spec: dict[str, Any]) -> dict[str, str]:
    from apps.accounts.models import User
    from apps.accounts.permissions import Role
    from apps.accounts.services import create_api_key, create_service_account, create_workspace
    from apps.agents.definition import read_definition
    from apps.agents.services import create_agent, publish_version
    from apps.providers.services import create_model, create_provider
    from apps.tools.services import sync_registry

    sync_registry()
    owner = User.objects.create_user(f"{spec['workspace']}@example.com")
    workspace = create_workspace(spec["workspace"], name="Chaos", owner=owner)
    account = create_service_account(workspace, name="chaos", role=Role.ADMIN)
    provider = create_provider(
        workspace.id, slug="fake", kind="openai_compatible", base_url=f"{spec['server']}/v1", timeout_s=20
    )
    create_model(provider, name="fake")
    for slug, streaming, tools in AGENTS:
        definition = read_definition(
            {
                "model": "fake:fake",
                "instructions": "Do what the case says.",
                "tools": [{"name": name} for name in tools],
                "streaming": streaming,
            }
        )
        publish_version(create_agent(workspace.id, slug=slug), definition=definition)
    return {"api_key": create_api_key(account.membership, name="chaos").text, "workspace": str(workspace.id)}


if __name__ == "__main__":
    main()
