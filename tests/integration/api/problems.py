"""What a refusal must look like."""

import json
from typing import Any


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of an answer that is an RFC 9457 problem with this status and code."""
    body: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, body.get("code")) == (status, code), body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body.keys() >= {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}
    assert (body["status"], body["type"]) == (status, f"urn:problem-type:cef:{code}")
    assert body["detail"]
    assert body["request_id"] == answer.headers["Request-Id"]
    return body


def pointers(body: dict[str, Any]) -> dict[str, str]:
    """Where the input is wrong, and in what way."""
    return {fault["pointer"]: fault["code"] for fault in body["errors"]}
