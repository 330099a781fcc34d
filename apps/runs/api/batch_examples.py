"""Examples of the OpenAPI document: batches, and cancelling many runs."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_ID: Final = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a20"
_RUN: Final = "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a2"
_BASE: Final = "https://cef.example.com"

CREATE: Final = [
    OpenApiExample(
        "Many inputs for one agent",
        value={
            "agent": "docs@production",
            "inputs": [
                {"input": "How do I cancel a run?", "metadata": {"ticket": "4711"}},
                {"input": {"subject": "Refund", "body": "I was charged twice."}},
            ],
            "limits": {"steps": 10},
            "metadata": {"import": "2026-11"},
        },
        request_only=True,
    ),
    OpenApiExample(
        "Whole requests",
        value={"runs": [{"agent": "docs", "input": "Why?"}, {"agent": "triage@3", "input": "Refund", "metadata": {}}]},
        request_only=True,
    ),
]

BATCH: Final[dict[str, Any]] = {
    "id": _ID,
    "total": 2,
    "ended": 1,
    "counts": {"queued": 0, "running": 1, "waiting": 0, "succeeded": 1, "failed": 0, "cancelled": 0, "erased": 0},
    "usage": {"steps": 2, "model_calls": 2, "input_tokens": 1612, "output_tokens": 118, "cost_usd": "0.000322"},
    "metadata": {"import": "2026-11"},
    "created_at": "2026-11-23T09:30:00Z",
    "started_at": "2026-11-23T09:30:00.012Z",
    "finished_at": None,
    "eta": "2026-11-23T09:30:04.208Z",
    "links": {
        "self": f"{_BASE}/api/v1/batches/{_ID}",
        "runs": f"{_BASE}/api/v1/runs?batch_id={_ID}",
        "admin": f"{_BASE}/admin/runs/batch/{_ID}/change/",
    },
}

LISTED: Final = [OpenApiExample("Half done", value=BATCH, response_only=True)]

CREATED: Final = [
    OpenApiExample(
        "Accepted",
        value=BATCH | {"run_ids": [f"{_RUN}1", f"{_RUN}2"]},
        response_only=True,
        status_codes=["202"],
    )
]

CANCEL: Final = [
    OpenApiExample(
        "What an import left behind",
        value={"filter": {"status": "queued", "metadata": {"import": "2026-11"}}, "maximum": 5000},
        request_only=True,
    ),
    OpenApiExample("How many would it be?", value={"filter": {"agent": "docs"}, "dry_run": True}, request_only=True),
]

CANCELLED: Final = [
    OpenApiExample(
        "Most were waiting for a worker",
        value={"matched": 812, "cancelled": 800, "requested": 12, "remaining": 0},
        response_only=True,
        status_codes=["202"],
    )
]
