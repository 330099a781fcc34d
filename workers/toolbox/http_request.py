"""`http_request`: change something at a web service, under a key by which the service can tell a repeat."""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import httpx
from pydantic import BaseModel, Field, JsonValue

from apps.core.retry import Backoff, Remedy, remedy_of_status
from apps.tools.declaration import Effect, ToolCall, ToolFailed, tool
from workers.toolbox.egress import Answered, AnswerLost, EgressDenied, send
from workers.toolbox.http_get import policy

CONFIG_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "hosts": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "minLength": 1, "maxLength": 253},
            "description": "The hosts that requests may go to.",
        },
        "methods": {
            "type": "array",
            "minItems": 1,
            "items": {"enum": ["POST", "PUT", "PATCH", "DELETE"]},
            "description": "Without it, all of them.",
        },
        "idempotent": {
            "type": "boolean",
            "description": "The service honours the header Idempotency-Key: a repeat under the same key has no effect.",
        },
    },
    "required": ["hosts"],
    "additionalProperties": False,
}
BACKOFF: Final = Backoff(first_delay_s=0.25, longest_delay_s=5.0, longest_retry_after_s=10.0)
_LONGEST_TEXT: Final = 20_000


class Answer(BaseModel):
    """What the service said: `body` is JSON where it is JSON, else text."""

    status: int
    body: JsonValue
    truncated: bool = False


def effect_of(config: Mapping[str, Any]) -> Effect:
    """Unsafe, unless the binding says that the service knows a repeat by its key."""
    return Effect.IDEMPOTENT if config.get("idempotent") else Effect.UNSAFE


@tool(version="1.0.0", timeout_s=60.0, config_schema=CONFIG_SCHEMA, effect_of=effect_of)
async def http_request(
    call: ToolCall,
    method: Literal["POST", "PUT", "PATCH", "DELETE"],
    url: Annotated[str, Field(description="An http or https address.", max_length=2000)],
    body: Annotated[JsonValue, Field(description="Sent as JSON; null sends no body.")] = None,
) -> Answer:
    """Send a request that changes something at a web service, and return its answer."""
    if method not in call.config.get("methods", [method]):
        raise EgressDenied(f"This agent may not send {method}.")
    headers = {"Idempotency-Key": call.idempotency_key, "Accept": "application/json, text/*;q=0.5"}
    content = b"" if body is None else json.dumps(body).encode()
    if content:
        headers["Content-Type"] = "application/json"
    return _answer(await _sent(_request(method, url, headers, content), call))


async def _sent(request: httpx.Request, call: ToolCall) -> Answered:
    """Once, or under the same key as often as it deserves, when the service can tell a repeat."""
    again, attempt = effect_of(call.config) is Effect.IDEMPOTENT, 0
    while True:
        attempt += 1
        try:
            answered = await send(request, policy(tuple(call.config["hosts"])))
        except ToolFailed as error:
            pause = _pause(error, attempt) if again else None
            if pause is None:
                raise
        else:
            remedy = remedy_of_status(answered.status) if answered.status >= 400 else Remedy.TERMINAL
            pause = _after(remedy, attempt, answered.retry_after_s) if again else None
            if pause is None:
                return answered
        await asyncio.sleep(pause)


def _pause(error: ToolFailed, attempt: int) -> float | None:
    return _after(Remedy.TRANSIENT if isinstance(error, AnswerLost) else error.remedy, attempt)


def _after(remedy: Remedy, attempt: int, retry_after_s: float | None = None) -> float | None:
    return BACKOFF.pause(remedy, attempt=attempt, jitter=random.random(), retry_after_s=retry_after_s)  # noqa: S311


def _request(method: str, url: str, headers: dict[str, str], content: bytes) -> httpx.Request:
    """Raises EgressDenied for an address that is none, of which surely nothing was sent."""
    try:
        return httpx.Request(method, url, headers=headers, content=content)
    except (httpx.InvalidURL, ValueError) as error:
        raise EgressDenied("This is not a web address.") from error


def _answer(answered: Answered) -> Answer:
    text = answered.body.decode("utf-8", errors="replace")
    if not answered.truncated and answered.content_type.endswith("json"):
        try:
            return Answer(status=answered.status, body=json.loads(text))
        except ValueError:
            pass  # not the JSON it says; the model reads it as text
    cut = answered.truncated or len(text) > _LONGEST_TEXT
    return Answer(status=answered.status, body=text[:_LONGEST_TEXT], truncated=cut)
