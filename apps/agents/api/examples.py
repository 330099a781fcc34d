"""What the OpenAPI document shows as examples of this app's requests and answers."""

from typing import Any, Final

_TIME: Final = "2026-11-23T09:30:00Z"

DEFINITION: Final[dict[str, Any]] = {
    "model": "openrouter:qwen/qwen3-coder",
    "instructions": "Answer from the handbook and name the passages you used.",
    "settings": {"temperature": 0.2},
    "output_schema": None,
    "tools": [{"name": "search_context", "version": "1.0.0", "config": {}}],
    "mounts": [{"context": "support/handbook", "version": None, "access": "read", "share": 0.6}],
    "limits": {"steps": 20, "tokens": 100_000, "usd": 0.5, "seconds": 300},
    "streaming": True,
    "context_budget_tokens": 6000,
}
NEW_AGENT: Final[dict[str, Any]] = {
    "slug": "support",
    "name": "Support",
    "description": "Answers customers from the handbook.",
}
AGENT: Final[dict[str, Any]] = {
    "id": "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11",
    **NEW_AGENT,
    "newest_version": 3,
    "labels": {"production": 2},
    "archived_at": None,
    "created_at": _TIME,
}
VERSION_SUMMARY: Final[dict[str, Any]] = {
    "id": "0199f0a2-5a77-7f35-8e0a-9d1c7b2e4f22",
    "number": 3,
    "model": DEFINITION["model"],
    "labels": [],
    "digest": "9a0364b9e99bb480dd25e1f0284c8555a1e7b6a29bdaf9b1f2f0b9e0e6f6c2d1",
    "created_by": {"kind": "user", "id": "0199f0a1-0c10-7a20-9d34-5e6f7a8b9c0d"},
    "created_at": _TIME,
}
VERSION: Final[dict[str, Any]] = {**VERSION_SUMMARY, "definition": DEFINITION}
LABEL: Final[dict[str, Any]] = {"name": "production", "version": 3, "moved_at": _TIME}
