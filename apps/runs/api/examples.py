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
    OpenApiExample(
        "The next message of a conversation, whatever is being answered now",
        value={
            "agent": "docs",
            "input": "No, the other order.",
            "thread_id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a11",
            "multitask_strategy": "interrupt",
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
    "held": False,
    "thread_id": None,
    "parent_id": None,
    "batch_id": None,
    "rerun_of": None,
    "rerun_from": None,
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
            "payloads_removed_at": None,
        },
        response_only=True,
        status_codes=["200", "202"],
    )
]

LISTED: Final = [OpenApiExample("A finished run", value=RUN, response_only=True)]

RESUME: Final = [OpenApiExample("With more steps", value={"limits": {"steps": 100}}, request_only=True)]

_STEP: Final[dict[str, Any]] = {
    "n": 2,
    "kind": "tool",
    "name": "calculator",
    "tool_call_id": "call_1",
    "attempt": 1,
    "reused": False,
    "error_code": None,
    "started_at": "2026-11-23T09:30:00.640Z",
    "finished_at": "2026-11-23T09:30:00.642Z",
    "duration_ms": 2,
    "first_token_ms": None,
    "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0"},
}

STEP: Final = [OpenApiExample("A tool call", value=_STEP, response_only=True)]

STEP_DETAIL: Final = [
    OpenApiExample(
        "A tool call with its payloads",
        value=_STEP
        | {
            "request": {"expression": "6 * 7"},
            "result": {"result": {"expression": "6 * 7", "result": 42}, "kind": "tool_return"},
        },
        response_only=True,
    )
]

EVENT: Final = [
    OpenApiExample(
        "A recorded step",
        value={
            "seq": 3,
            "type": "step.recorded",
            "step": 1,
            "at": "2026-11-23T09:30:00.631Z",
            "kind": "model",
            "name": "gpt-5.2",
            "duration_ms": 611,
            "input_tokens": 812,
            "output_tokens": 19,
            "cost_usd": "0.000161",
        },
        response_only=True,
    )
]

CONTEXT: Final = [
    OpenApiExample(
        "A prompt with one passage",
        value={
            "tokenizer": "o200k",
            "budget": 8000,
            "tokens": 118,
            "prompt": {"stable": "Answer from the documentation.\n\n", "tail": "## Runs\nCancel a run with …\n\n"},
            "items": [
                {
                    "ref": "doc:01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a10:0-512",
                    "source": "retrieval",
                    "mode": "full",
                    "reason": "selected",
                    "title": "Runs",
                    "tokens": 96,
                    "span": [0, 24],
                    "text": "## Runs\nCancel a run with …\n\n",
                }
            ],
            "omitted": [{"ref": "doc:…", "source": "retrieval", "mode": "omitted", "reason": "budget", "tokens": 900}],
        },
        response_only=True,
    )
]

THREAD: Final = [
    OpenApiExample("A conversation", value={"title": "Refund of order 4711", "metadata": {}}, request_only=True),
    OpenApiExample(
        "An open conversation",
        value={
            "id": "01939c5e-8f5b-7c11-9d0e-2b8c0f6f7a11",
            "title": "Refund of order 4711",
            "metadata": {},
            "forked_from": None,
            "forked_at": None,
            "created_at": "2026-11-23T09:29:00Z",
        },
        response_only=True,
    ),
]

EFFECT: Final = [
    OpenApiExample(
        "A payment of which nobody knows whether it was made",
        value={
            "id": "01939c61-02aa-7f2e-8f64-2d4f4f1b7c55",
            "key": "1/tool:pay/call_1",
            "tool": "pay",
            "state": "outcome_unknown",
            "undecided": True,
            "arguments": {"to": "ACME", "amount": 120},
            "result": None,
            "late_result": None,
            "step": None,
            "attempt": 1,
            "decided_by": None,
            "note": "",
            "created_at": "2026-11-23T09:30:02Z",
            "settled_at": None,
        },
        response_only=True,
    )
]

RESOLVE: Final = [
    OpenApiExample("It happened", value={"decision": "happened", "result": {"receipt": 4711}}, request_only=True),
    OpenApiExample("It did not", value={"decision": "run", "note": "Not on the statement."}, request_only=True),
]

RERUN: Final = [
    OpenApiExample("The rest again, by a newer version", value={"from_step": 3, "agent_version": 4}, request_only=True),
    OpenApiExample(
        "All of it, with another question", value={"from_step": 1, "input": "And a batch?"}, request_only=True
    ),
]

FORK: Final = [
    OpenApiExample(
        "From the second answer on",
        value={"at_run": _ID, "title": "What if the order had arrived?"},
        request_only=True,
    )
]

COMPARISON: Final = [
    OpenApiExample(
        "The same call, another answer",
        value={
            "run": DETAIL[0].value,
            "other": DETAIL[0].value | {"agent_version": 4, "rerun_of": _ID, "rerun_from": 1, "output": "Use DELETE."},
            "same_output": False,
            "first_difference": 0,
            "steps": [{"same": False, "run": _STEP, "other": _STEP}],
        },
        response_only=True,
    )
]

EXPORT: Final = [
    OpenApiExample(
        "A run with all that it left",
        value=DETAIL[0].value
        | {
            "steps": [STEP_DETAIL[0].value | {"key": "1/tool:calculator/call_1", "manifest": None}],
            "events": [EVENT[0].value],
            "effects": [],
        },
        response_only=True,
    )
]
