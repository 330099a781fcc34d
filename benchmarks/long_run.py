"""What the benchmark of long runs seeds: an agent that reads page after page, with facts mounted, and its tool.

`python -m benchmarks.long_run < {"steps": 500, "slow": 6}` seeds a private stack; the same module is its tool plugin.
"""

import json
import random
import sys
from typing import Any, Final

import django

from apps.tools.declaration import Effect, ToolCall, tool

AGENT: Final = "reader"
SLOW_SECONDS: Final = 5.0
_WORDS: Final = (
    "account agree amount answer between business case change claim company contract customer date decide deliver due "
    "early email evidence expect file find follow form general give handle important invoice issue keep know later "
    "letter limit manager matter meeting month number office open order page paid partner payment people place please "
    "point policy price problem process question reason receive refund reply report request return review rule send "
    "service ship sign state system team term ticket time total update value week work write year"
)


def prose(characters: int, seed: int) -> str:
    """English-looking words; the same for the same seed."""
    chosen, known = random.Random(seed), _WORDS.split()
    words: list[str] = []
    while characters > 0:
        words.append(chosen.choice(known))
        characters -= len(words[-1]) + 1
    return " ".join(words)


@tool(version="1.0.0", effect=Effect.READ_ONLY)
async def read_page(call: ToolCall, number: int) -> dict[str, Any]:
    """A page of about 1,500 characters; each tenth has 12,000."""
    text = prose(12_000 if number % 10 == 9 else 1_500, seed=number)
    return {"page": number, "title": text[:40], "text": text}


def main() -> None:
    """Seed the stack and print the key's text."""
    django.setup()
    from workers.local.scripted import seed_scripted_agent

    wanted = json.load(sys.stdin)
    seeded = seed_scripted_agent({"script": [{"text": "Warm."}]})
    _reader(seeded["workspace_id"], wanted["steps"], wanted["slow"])
    print(json.dumps(seeded))


def _reader(workspace_id: str, steps: int, slow: int) -> None:
    from apps.accounts.models import Workspace
    from apps.agents.definition import read_definition
    from apps.agents.services import create_agent, publish_version
    from apps.contexts.changes import Author, Put
    from apps.contexts.services import commit_entries, create_context
    from apps.providers.services import create_model, create_provider

    workspace = Workspace.objects.get(id=workspace_id)
    facts = create_context(workspace.id, path="facts")
    commit_entries(facts, [Put(f"fact-{n}", prose(400, seed=-n)) for n in range(1, 41)], by=Author("benchmark"))
    create_model(
        create_provider(workspace.id, slug="reader", kind="scripted"), name="script", script=_script(steps, slow)
    )
    definition = {
        "model": "reader:script",
        "instructions": prose(1_500, seed=0),
        "tools": [{"name": "read_page"}],
        "mounts": [{"context": "facts"}],
        "limits": {"steps": 10_000},
        "context_budget_tokens": 4_000,
    }
    publish_version(create_agent(workspace.id, slug=AGENT), definition=read_definition(definition))


def _script(steps: int, slow: int) -> list[dict[str, Any]]:
    turns = [_turn(n) for n in range(steps)]
    late = [_turn(n) | {"latency_s": SLOW_SECONDS} for n in range(steps, steps + slow)]
    return [*turns, *late, {"text": "Done."}]


def _turn(n: int) -> dict[str, Any]:
    call = {"name": "read_page", "args": {"number": n}, "id": f"call_{n:020d}"}
    return {"text": prose(250, seed=10_000 + n), "tool_calls": [call]}


if __name__ == "__main__":
    main()
