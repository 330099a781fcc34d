"""What the OpenAPI document shows as examples of this app's requests and answers."""

from typing import Any, Final

_TIME: Final = "2026-11-23T09:30:00Z"
CONTEXT_ID: Final = "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11"
DOCUMENT_ID: Final = "0199f0a3-11ee-7c84-9d50-7b5a6f1a2c33"
JOB_ID: Final = "0199f0a3-2f10-7e7b-8a01-3c9d54b0e6f7"
_REF: Final = f"doc:{DOCUMENT_ID}@1:0-412"

NEW_CONTEXT: Final[dict[str, Any]] = {
    "path": "support/acme/case-42",
    "description": "What we know about case 42.",
}
CONTEXT: Final[dict[str, Any]] = {
    "id": CONTEXT_ID,
    **NEW_CONTEXT,
    "parent_id": "0199f0a2-4b77-7a10-a3d2-5e6f7a8b9c0d",
    "head": 3,
    "created_at": _TIME,
}
PUT_CHANGE: Final[dict[str, Any]] = {
    "op": "put",
    "key": "tone",
    "content": "Answer warmly and in short sentences.",
    "kind": "instruction",
    "source": "developer",
    "pinned": True,
}
COMMIT: Final[dict[str, Any]] = {
    "message": "Set the tone, forget the old phone number",
    "expected_version": 2,
    "changes": [PUT_CHANGE, {"op": "remove", "key": "phone"}, {"op": "hide", "key": "sla"}],
}
VERSION: Final[dict[str, Any]] = {
    "number": 3,
    "parent": 2,
    "branch": "main",
    "message": COMMIT["message"],
    "author": "user:0199f09f-aa10-7bb1-8c2d-3e4f5a6b7c8d",
    "run_id": None,
    "step_n": None,
    "changes": 3,
    "labels": ["production"],
    "created_at": _TIME,
}
ENTRY: Final[dict[str, Any]] = {
    "key": "tone",
    "context_id": CONTEXT_ID,
    "version": 3,
    "ref": f"ctx:{CONTEXT_ID}@3#tone",
    "title": "",
    "kind": "instruction",
    "source": "developer",
    "content_type": "text",
    "digest": "8e1f" * 16,
    "size": 37,
    "tokens": {"o200k_base": 8, "cl100k_base": 8},
    "priority": 0,
    "pinned": True,
    "trust": "normal",
    "expires_at": None,
}
ENTRY_CONTENT: Final[dict[str, Any]] = {
    **ENTRY,
    "summary": "",
    "provenance": {},
    "content": PUT_CHANGE["content"],
}
LABEL: Final[dict[str, Any]] = {"name": "production", "version": 3, "protected": True}
HIT: Final[dict[str, Any]] = {
    "ref": _REF,
    "document_id": DOCUMENT_ID,
    "title": "Refunds",
    "heading": "Refunds › Deadlines",
    "context_id": CONTEXT_ID,
    "start": 0,
    "end": 412,
    "text": "Refunds are paid within fourteen days of the return. …",
    "tokens": 96,
    "score": 0.0328,
    "text_rank": 1,
    "vector_rank": 1,
    "similarity": 0.81,
}
ASSEMBLY_REQUEST: Final[dict[str, Any]] = {
    "budget_tokens": 2_000,
    "mounts": [{"context_id": CONTEXT_ID, "access": "read", "share": 0.5}],
    "instructions": "Answer from the handbook.",
    "query": "When are refunds paid?",
}
ASSEMBLY: Final[dict[str, Any]] = {
    "stable": "Answer from the handbook.\n\n## tone\nAnswer warmly and in short sentences.\n\n",
    "tail": "## Refunds › Deadlines\nRefunds are paid within fourteen days of the return. …\n\n",
    "tokens": 125,
    "manifest": {
        "format": 1,
        "tokenizer": "o200k_base",
        "budget": 2_000,
        "tokens": 125,
        "items": [
            {"ref": _REF, "source": "retrieval", "mode": "full", "reason": "selected", "tokens": 102, "span": [0, 440]}
        ],
        "omitted": [],
    },
}
NEW_DOCUMENT: Final[dict[str, Any]] = {
    "name": "handbook/refunds.md",
    "text": "# Refunds\n\nRefunds are paid within fourteen days of the return.",
    "media_type": "text/markdown",
    "metadata": {"owner": "finance"},
}
DOCUMENT: Final[dict[str, Any]] = {
    "id": DOCUMENT_ID,
    "context_id": CONTEXT_ID,
    "name": NEW_DOCUMENT["name"],
    "title": "Refunds",
    "media_type": "text/markdown",
    "state": "ready",
    "reason": "",
    "detail": "",
    "revision": 1,
    "size": 64,
    "chunk_count": 1,
    "token_count": 14,
    "metadata": NEW_DOCUMENT["metadata"],
    "created_at": _TIME,
    "updated_at": _TIME,
}
DOCUMENT_TEXT: Final[dict[str, Any]] = {
    "ref": f"doc:{DOCUMENT_ID}@1:0-64",
    "title": "Refunds",
    "text": NEW_DOCUMENT["text"],
    "start": 0,
    "end": 64,
    "total": 64,
    "next_start": None,
}
NEW_JOB: Final[dict[str, Any]] = {"context_id": CONTEXT_ID, "documents": [NEW_DOCUMENT]}
JOB: Final[dict[str, Any]] = {
    "id": JOB_ID,
    "context_id": CONTEXT_ID,
    "state": "running",
    "total": 1_000,
    "done": 640,
    "skipped": 10,
    "failed": 1,
    "chunks": 4_210,
    "rate_per_s": 21.7,
    "eta_s": 16.1,
    "created_at": _TIME,
    "started_at": _TIME,
    "finished_at": None,
}
ITEM: Final[dict[str, Any]] = {
    "id": "0199f0a3-3333-7000-8000-000000000001",
    "document_id": DOCUMENT_ID,
    "name": "handbook/broken.md",
    "state": "failed",
    "reason": "wrong_encoding",
    "detail": "Byte 17 is not utf-8: invalid start byte.",
    "attempts": 1,
    "size": 2_048,
}
