"""What the OpenAPI document shows as examples of this app's requests and answers."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_PROVIDER_ID: Final = "0199f0a2-5a01-7d20-b1c4-0f3f2a9b6c11"
_MODEL_ID: Final = "0199f0a2-5a77-7f35-8e0a-9d1c7b2e4f22"
_TIME: Final = "2026-11-23T09:30:00Z"

NEW_PROVIDER: Final[dict[str, Any]] = {
    "slug": "openrouter",
    "kind": "openai_compatible",
    "name": "OpenRouter",
    "base_url": "https://openrouter.ai/api/v1",
    "requests_per_minute": 300,
}
PROVIDER: Final[dict[str, Any]] = {
    "id": _PROVIDER_ID,
    **NEW_PROVIDER,
    "settings": {},
    "timeout_s": 120.0,
    "enabled": True,
    "credentials": {"set": True, "hint": "9f2c", "fingerprint": "5b1d0c93a7e4"},
    "created_at": _TIME,
    "updated_at": _TIME,
}
CREDENTIALS: Final[dict[str, Any]] = {"api_key": "sk-or-v1-…9f2c"}
REPORT: Final[dict[str, Any]] = {
    "ok": False,
    "code": "provider_auth_failed",
    "detail": "The provider 'openrouter' refused the credentials (HTTP 401).",
    "latency_ms": 212,
}
NEW_MODEL: Final[dict[str, Any]] = {
    "provider_id": _PROVIDER_ID,
    "name": "qwen/qwen3-coder",
    "context_window": 262144,
    "tokenizer": "estimate",
}
SCRIPTED_MODEL: Final[dict[str, Any]] = {
    "provider_id": _PROVIDER_ID,
    "name": "echo",
    "script": {"turns": [{"text": "You said: {input}", "latency_s": 0.2, "chunks": 4}], "repeat_last": True},
}
MODEL_SUMMARY: Final[dict[str, Any]] = {
    "id": _MODEL_ID,
    "model": "openrouter:qwen/qwen3-coder",
    **NEW_MODEL,
    "max_output_tokens": None,
    "input_price": None,
    "output_price": None,
    "settings": {},
    "fallback_id": None,
    "is_active": True,
    "created_at": _TIME,
    "updated_at": _TIME,
}
MODEL: Final[dict[str, Any]] = {**MODEL_SUMMARY, "script": None}
EMBEDDING_MODEL: Final[dict[str, Any]] = {
    "id": _MODEL_ID,
    "name": "minilm",
    "kind": "minilm",
    "provider_id": None,
    "dimensions": 384,
    "created_at": _TIME,
}
NEW_EMBEDDING_MODEL: Final[dict[str, Any]] = {
    "provider_id": _PROVIDER_ID,
    "name": "text-embedding-3-small",
    "dimensions": 1536,
}


def answer(value: dict[str, Any]) -> list[OpenApiExample]:
    """The value as an example of an answer."""
    return [OpenApiExample("Answer", value=value, response_only=True)]


def request(value: dict[str, Any], name: str = "Request") -> OpenApiExample:
    """The value as an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)
