"""Does this provider answer? One small request tells."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.settings import ModelSettings

from apps.core.exceptions import CefError
from apps.providers import calls
from apps.providers.clients import provider_http
from apps.providers.factory import assemble_one
from apps.providers.models import LanguageModel, Provider
from apps.providers.persistence import Patience
from apps.providers.retry import RetryPolicy

LIMIT_S: Final = 10.0
_PROMPT: Final = "Answer with the word OK."
_MAX_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a test found: `code` is "ok" or that of the error."""

    ok: bool
    latency_ms: int
    detail: str
    code: str


def test_connection(provider: Provider, model: LanguageModel | None = None) -> ConnectionReport:  # noqa: PT028
    """Send one request to this model of the provider, or to its first one, and wait 10 s at most. No failure is raised.

    Not for async code: it runs an event loop of its own.
    """
    model = model or provider.models.order_by("-is_active", "id").first()
    if model is None:
        return ConnectionReport(False, 0, "The provider has no model to ask yet.", "no_model")
    model.provider = provider  # the row at hand, and no query once the loop runs
    started = time.monotonic()
    try:
        asyncio.run(_ask(model, deadline=started + LIMIT_S))
    except CefError as error:
        return ConnectionReport(False, _since(started), error.message, error.code)
    except UserError as error:
        return ConnectionReport(False, _since(started), error.message[:300], "provider_misconfigured")
    return ConnectionReport(True, _since(started), f"The model {model} answered.", "ok")


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test where it is imported


async def _ask(model: LanguageModel, *, deadline: float) -> None:
    once = Patience(policy=RetryPolicy(attempts=1))
    async with provider_http(model.provider) as http:
        with calls.model_call(deadline=deadline):
            await model_request(
                assemble_one(model, once, http),
                [ModelRequest(parts=[UserPromptPart(_PROMPT)])],
                model_settings=ModelSettings(max_tokens=_MAX_TOKENS),
            )


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
