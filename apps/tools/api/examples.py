"""What the OpenAPI document shows as examples of this app's answers."""

from typing import Any, Final

TOOL: Final[dict[str, Any]] = {
    "id": "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11",
    "name": "calculator",
    "version": "1.0.0",
    "description": "Evaluate an arithmetic expression.",
    "effect": "read_only",
    "timeout_s": 5.0,
    "is_available": True,
    "unavailable_reason": "",
    "created_at": "2026-11-23T09:30:00Z",
}
SCHEMAS: Final[dict[str, Any]] = {
    "input_schema": {
        "type": "object",
        "properties": {"expression": {"type": "string", "minLength": 1, "maxLength": 300}},
        "required": ["expression"],
        "additionalProperties": False,
    },
    "output_schema": {"type": "object", "properties": {"result": {"type": "number"}}},
    "config_schema": {"type": "object", "additionalProperties": False},
    "source": "workers.toolbox",
    "digest": "9a0364b9e99bb480dd25e1f0284c8555a1e7b6a29bdaf9b1f2f0b9e0e6f6c2d1",
}
