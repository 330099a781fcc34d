"""What the OpenAPI document shows as examples of this app's requests and answers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_WORKSPACE_ID = "0199f0a2-1f7c-7b1e-9d55-3c1f6f1e2a10"
_ID = "0199f0a2-4c11-7c60-8f02-6d0d5b7f9e21"
_TIME = "2026-11-23T09:30:00Z"

WORKSPACE: dict[str, Any] = {
    "id": _WORKSPACE_ID,
    "slug": "support",
    "name": "Support",
    "created_at": _TIME,
    "intake_paused_at": None,
}
ME: dict[str, Any] = {
    "kind": "user",
    "id": _ID,
    "name": "alice@example.org",
    "workspace_id": _WORKSPACE_ID,
    "role": "builder",
    "permissions": ["agents:read", "runs:read", "runs:write"],
    "key_id": "8Qx1LmZp",
    "workspaces": [{"id": _WORKSPACE_ID, "slug": "support", "name": "Support", "role": "builder"}],
}
MEMBER: dict[str, Any] = {
    "id": _ID,
    "user_id": _ID,
    "email": "bob@example.org",
    "name": "Bob",
    "role": "operator",
    "created_at": _TIME,
}
SERVICE_ACCOUNT: dict[str, Any] = {"id": _ID, "name": "Nightly import", "role": "operator", "created_at": _TIME}
API_KEY: dict[str, Any] = {
    "id": "8Qx1LmZp",
    "name": "CI",
    "user_id": _ID,
    "service_account_id": None,
    "scopes": ["runs:read", "runs:write"],
    "created_at": _TIME,
    "expires_at": "2027-02-21T09:30:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
ISSUED_KEY: dict[str, Any] = {**API_KEY, "key": "cef_8Qx1LmZp_…_4fT0aB"}


def answer(value: dict[str, Any]) -> list[OpenApiExample]:
    """The value as an example of an answer."""
    return [OpenApiExample("Answer", value=value, response_only=True)]


def request(**value: Any) -> list[OpenApiExample]:
    """The value as an example of a request."""
    return [OpenApiExample("Request", value=value, request_only=True)]
