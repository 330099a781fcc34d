"""Examples of the OpenAPI document."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_ID: Final = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10"
_BASE: Final = "https://cef.example.com"

CREATE: Final = [
    OpenApiExample(
        "A question in the background",
        value={"agent": "docs@production", "input": "How do I cancel a run?", "metadata": {"ticket": "4711"}},
        request_only=True,
    ),
    OpenApiExample(
        "Structured input with limits",
        value={
            "agent": "triage@3",
            "input": {"subject": "Refund", "body": "I was charged twice."},
            "limits": {"steps": 10, "usd": 0.05},
            "mode": "wait",
        },
        request_only=True,
    ),
]

RUN: Final[dict[str, Any]] = {
    "id": _ID,
    "status": "succeeded",
    "stop_reason": "completed",
    "attempt": 1,
    "agent": "docs",
    "agent_version": 3,
    "thread_id": None,
    "error": None,
    "usage": {"steps": 1, "model_calls": 1, "input_tokens": 812, "output_tokens": 64, "cost_usd": "0.000161"},
    "metadata": {"ticket": "4711"},
    "cancel_requested_at": None,
    "created_at": "2026-11-23T09:30:00Z",
    "started_at": "2026-11-23T09:30:00.012Z",
    "finished_at": "2026-11-23T09:30:02.104Z",
    "links": {
        "self": f"{_BASE}/api/v1/runs/{_ID}",
        "events": f"{_BASE}/api/v1/runs/{_ID}/events",
        "live": f"{_BASE}/live/api/v1/runs/{_ID}/events",
        "admin": f"{_BASE}/admin/runs/run/{_ID}/change/",
    },
}

DETAIL: Final = [
    OpenApiExample(
        "A finished run",
        value=RUN
        | {
            "input": "How do I cancel a run?",
            "output": "POST to /api/v1/runs/{id}/cancel; the worker sees it within five seconds.",
            "attachments": [],
            "limits": {},
            "streaming": True,
            "context_versions": {},
        },
        response_only=True,
    )
]
