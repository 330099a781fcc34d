"""The example of `make demo`, over REST as anybody would do it: a model, a context with documents, an agent."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.client import Client
from workers.local.exceptions import NotReady
from workers.local.weights import CONTEXT_TOKENS, MODEL_NAME

AGENT = "docs"
QUESTION = "What is a context?"
_CONTEXT = "docs"
_PROVIDER = "local"
_POLL_S = 0.3
_PATIENCE_S = 300.0
_BUDGET_TOKENS = 500
_SETTINGS = {"temperature": 0.0, "frequency_penalty": 0.6, "max_tokens": 80, "stop_sequences": ["\n#"]}
"""What keeps so small a model short and from saying everything twice."""

_INSTRUCTIONS = (
    "You answer questions about the Context Engineering Framework. "
    "Use only the passages you are given. Answer in two or three plain sentences."
)


def ensure_model(client: Client) -> str:
    """The embedded model's row, and how agents name it."""
    provider = _ensure(client, "/providers", "slug", {"slug": _PROVIDER, "kind": "local", "name": "This machine"})
    fields = {"context_window": CONTEXT_TOKENS, "max_output_tokens": 512, "tokenizer": "estimate"}
    _ensure(client, "/models", "name", {"provider_id": provider["id"], "name": MODEL_NAME, **fields})
    return f"{_PROVIDER}:{MODEL_NAME}"


def ensure_context(client: Client) -> str:
    """The id of the context that holds the documents."""
    described = {"path": _CONTEXT, "description": "This project's own documentation."}
    return str(_ensure(client, "/contexts", "path", described)["id"])


def ingest(client: Client, context_id: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Bring in every Markdown file and tell how far it is; files that have not changed are skipped.

    Without `index.md`: a list of links matches every question and answers none. Raises NotReady when nothing moves
    for five minutes.
    """
    files = sorted(file for file in folder.rglob("*.md") if file.name != "index.md")
    documents = [
        {"name": str(file.relative_to(folder)), "media_type": "text/markdown", "text": file.read_text()}
        for file in files
    ]
    job = client.post("/ingest-jobs", {"context_id": context_id, "documents": documents})
    moved, ended = time.monotonic(), -1
    while True:
        yield job
        if job["state"] == "finished":
            return
        if _ended(job) != ended:
            moved, ended = time.monotonic(), _ended(job)
        if time.monotonic() - moved > _PATIENCE_S:
            raise NotReady("The documents are not getting on; `make doctor` looks at the batch worker.")
        time.sleep(_POLL_S)
        job = client.get(f"/ingest-jobs/{job['id']}")


def publish_agent(client: Client, model: str) -> str:
    """The agent's slug with the number of its newest version; publishing the same twice changes nothing."""
    described = {"slug": AGENT, "name": "Documentation guide", "description": "Answers from this project's docs."}
    _ensure(client, "/agents", "slug", described)
    definition = {
        "model": model,
        "instructions": _INSTRUCTIONS,
        "settings": _SETTINGS,
        "mounts": [{"context": _CONTEXT}],
        "limits": {"steps": 5, "seconds": 300},
        "streaming": True,
        "context_budget_tokens": _BUDGET_TOKENS,
    }
    version = client.post(f"/agents/{AGENT}/versions", definition)
    return f"{AGENT}@{version['number']}"


def passages(client: Client, run_id: str) -> list[dict[str, Any]]:
    """What the run's last model call read of the documents, the best first: title, text, tokens, score."""
    steps = [step for step in client.rows(f"/runs/{run_id}/steps", {}, None) if step["kind"] == "model"]
    if not steps:
        return []
    context = client.get(f"/runs/{run_id}/steps/{steps[-1]['n']}/context")
    found = [item for item in context["items"] if item["source"] == "retrieval" and item["mode"] == "full"]
    return sorted(found, key=lambda item: -(item.get("score") or 0.0))


def _ended(job: dict[str, Any]) -> int:
    return int(job["done"] + job["skipped"] + job["failed"])


def _ensure(client: Client, path: str, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The row of a list whose `key` is the wanted one, made if it is not there."""
    for row in client.rows(path, {}, None):
        if row[key] == wanted[key]:
            return row
    made: dict[str, Any] = client.post(path, wanted)
    return made
