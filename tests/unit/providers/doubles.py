"""A clock that only sleeping moves, and models as the factory would build them."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from apps.providers.persistence import Endpoint, Patience, Persistence
from apps.providers.ratelimit import RateLimiter
from apps.providers.resilience import ResilientModel
from apps.providers.retry import RetryPolicy
from apps.providers.script import parse_script
from apps.providers.scripted import ScriptedModel


@dataclass
class HeldClock:
    """Stands still until somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def resilient(
    *turns: dict[str, Any],
    clock: HeldClock,
    name: str = "m",
    timeout_s: float = 5.0,
    secrets: tuple[str, ...] = (),
    policy: RetryPolicy | None = None,
    limiter: RateLimiter | None = None,
) -> ResilientModel:
    """A scripted model behind our retries; jitter is drawn as one, so that delays are 0.5, 1, 2 seconds."""
    patience = Patience(policy or RetryPolicy(), clock, clock.sleep, lambda: 1.0)
    endpoint = Endpoint("acme", name, timeout_s, secrets)
    model = ScriptedModel(name, parse_script(list(turns)), provider="acme")
    return ResilientModel(model, Persistence(endpoint, limiter, patience))


def asking(prompt: str = "hello") -> list[Any]:
    return [ModelRequest(parts=[UserPromptPart(prompt)])]


def ask(model: Any, prompt: str = "hello") -> ModelResponse:
    return asyncio.run(model_request(model, asking(prompt)))


def stream(model: Any, prompt: str = "hello") -> tuple[list[str], ModelResponse]:
    """The pieces of text as they arrived, and the whole response."""

    async def drain() -> tuple[list[str], ModelResponse]:
        pieces = []
        async with model_request_stream(model, asking(prompt)) as response:
            async for event in response:
                if event.event_kind == "part_start" and isinstance(event.part, TextPart):
                    pieces.append(event.part.content)
                elif event.event_kind == "part_delta":
                    pieces.append(getattr(event.delta, "content_delta", ""))
            return pieces, response.get()

    return asyncio.run(drain())


def text_of(response: ModelResponse) -> str:
    return response.text or ""
