"""Built agents, kept per version and process: building one costs 11 to 18 ms of CPU."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from threading import Lock
from typing import Any, Final, cast
from uuid import UUID

from pydantic_ai import Agent, ModelRetry, StructuredDict
from pydantic_ai.messages import ModelResponse
from pydantic_ai.settings import ModelSettings

from apps.agents.definition import AgentBundle
from apps.agents.selectors import version_bundle
from apps.providers.factory import build_model, chain, serving_row, stamp
from apps.providers.models import LanguageModel
from apps.providers.prices import cost_usd
from apps.providers.selectors import models_with_fallbacks
from apps.tools.schemas import compile_validator, faults, sentence
from apps.tools.toolset import build_check, build_tools, effects
from workers.engine.assembling import AssemblingModel
from workers.engine.budgeted import BudgetedModel
from workers.engine.durability import JournalDurability
from workers.engine.session import Session
from workers.engine.units import AGENT_NAME
from workers.engine.waits import waiting_calls
from workers.engine.wellformed import WellFormedModel

FRESH_SECONDS: Final = 10.0
"""How long a changed credential, price or rate limit may go unnoticed."""
CAPACITY: Final = 500


@dataclass(frozen=True, slots=True)
class BuiltAgent:
    """An agent ready to run, and what it was built from."""

    agent: Agent[Session, Any]
    bundle: AgentBundle
    stamp: Hashable
    checked: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.checked < FRESH_SECONDS


class Shelf:
    """The most recently used agents of this process."""

    def __init__(self) -> None:
        self._agents: OrderedDict[tuple[UUID, bool], BuiltAgent] = OrderedDict()
        self._lock = Lock()

    def fresh(self, version_id: UUID, streaming: bool) -> BuiltAgent | None:
        """The agent without a query, if it was checked lately."""
        built = self._agents.get((version_id, streaming))
        return built if built is not None and built.is_fresh else None

    def get(self, version_id: UUID, streaming: bool) -> BuiltAgent:
        """The agent, built anew when its model's or provider's row has changed; synchronous, queries the database."""
        bundle = version_bundle(version_id)
        row = models_with_fallbacks().get(id=bundle.model_id)
        present = stamp(row)
        with self._lock:
            known = self._agents.get((version_id, streaming))
            agent = known.agent if known and known.stamp == present else _build(bundle, row, streaming)
            built = BuiltAgent(agent, bundle, present, time.monotonic())
            self._agents[version_id, streaming] = built
            self._agents.move_to_end((version_id, streaming))
            if len(self._agents) > CAPACITY:
                self._agents.popitem(last=False)
        return built


def _build(bundle: AgentBundle, row: LanguageModel, streaming: bool) -> Agent[Session, Any]:
    model = BudgetedModel(
        WellFormedModel(build_model(row)),
        tokenizer=row.tokenizer,
        price=partial(_dearest, tuple(chain(row))),
        max_output=row.max_output_tokens,
    )
    agent: Agent[Session, Any] = Agent(
        AssemblingModel(model, tokenizer=row.tokenizer) if bundle.mounts else model,
        name=AGENT_NAME,
        deps_type=Session,
        output_type=StructuredDict(bundle.output_schema) if bundle.output_schema else str,
        instructions=bundle.instructions or None,
        model_settings=cast(ModelSettings, dict(bundle.settings)),
        tools=build_tools(bundle.tools),
        capabilities=[
            JournalDurability(
                effects(bundle.tools), partial(_price, row), streaming=streaming, check=build_check(bundle.tools)
            ),
            *waiting_calls(bundle.tools),
        ],
    )
    if bundle.output_schema:
        agent.output_validator(partial(_conforming, compile_validator(bundle.output_schema)))
    return agent


def _conforming(validator: Any, answer: Any) -> Any:
    """The answer, if it keeps the agent's schema, which providers and the library do not enforce; else asks again."""
    found = faults(validator, answer)
    if found:
        raise ModelRetry(f"The answer breaks its schema: {sentence(found)}.")
    return answer


def _dearest(rows: tuple[LanguageModel, ...], tokens_in: int, tokens_out: int) -> Decimal | None:
    """What a call costs at most, whichever of the model and its fallbacks answers; None when one has no price."""
    prices = [cost_usd(row, tokens_in, tokens_out) for row in rows]
    return None if None in prices else max(price for price in prices if price is not None)


def _price(row: LanguageModel, response: dict[str, Any]) -> Decimal | None:
    """The price of a recorded response, by the model that gave it: a fallback has its own."""
    served = serving_row(row, ModelResponse(parts=[], metadata=response.get("metadata")))
    usage = response["usage"]
    return cost_usd(
        served,
        usage["input_tokens"],
        usage["output_tokens"],
        cache_read_tokens=usage.get("cache_read_tokens", 0),
        cache_write_tokens=usage.get("cache_write_tokens", 0),
    )
