"""An agent's definition as people write it, and as workers read it back."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from apps.agents.exceptions import InvalidAgentDefinition
from apps.core.exceptions import Fault
from apps.tools.approval import ApprovalPolicy
from apps.tools.definitions import BoundTool

MAX_INSTRUCTIONS: Final = 200_000
PROVIDER_PREFIXES: Final = ("openai_", "anthropic_", "google_", "bedrock_")


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolUse(_Value):
    """A tool that the agent may call; without a version the newest one, fixed when the definition is published."""

    name: str = Field(max_length=64)
    version: str | None = Field(None, max_length=40)
    config: dict[str, JsonValue] = Field(default_factory=dict)
    approval: ApprovalPolicy | None = Field(None, description="Whose consent a call needs; null is nobody's.")


class MountUse(_Value):
    """A context that the agent sees, by path or id; without a version its newest one when a run is created.

    `share` is the part (0 to 1) of the context budget that it may fill; 0 leaves that to the assembly.
    """

    context: str = Field(max_length=1024, description="The context's path, such as `support/handbook`, or its id.")
    version: int | None = Field(None, ge=1, le=2**62)
    access: Literal["read", "write"] = "read"
    share: float = Field(0.0, ge=0.0, le=1.0, allow_inf_nan=False)


class RunLimits(_Value):
    """Ceilings of one run: model and tool steps, tokens in and out together, USD, seconds of life. Null is none."""

    steps: int | None = Field(50, ge=1, le=100_000)
    tokens: int | None = Field(None, ge=1, le=10**12)
    usd: float | None = Field(None, gt=0, le=10**7, allow_inf_nan=False)
    seconds: float | None = Field(None, gt=0, le=31_536_000, allow_inf_nan=False)


class ModelOptions(_Value):
    """Sent with every request. An option of one provider alone begins with its name (`openai_…`, `anthropic_…`)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, JsonValue]

    temperature: float | None = Field(None, ge=0.0, le=2.0, allow_inf_nan=False)
    top_p: float | None = Field(None, ge=0.0, le=1.0, allow_inf_nan=False)
    top_k: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1, le=10**9)
    seed: int | None = None
    presence_penalty: float | None = Field(None, ge=-2.0, le=2.0, allow_inf_nan=False)
    frequency_penalty: float | None = Field(None, ge=-2.0, le=2.0, allow_inf_nan=False)
    logit_bias: dict[str, int] | None = None
    stop_sequences: list[str] | None = Field(None, max_length=16)
    parallel_tool_calls: bool | None = None
    thinking: bool | Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None

    @model_serializer(mode="wrap")
    def _without_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A null would be sent to the provider; what is not set is not shown either.
        return {name: value for name, value in serialize(self).items() if value is not None}

    @model_validator(mode="after")
    def _extras_name_their_provider(self) -> Self:
        # Not extra_body and extra_headers: these would reach past the provider's own credentials and limits.
        for name in self.__pydantic_extra__:
            if not name.startswith(PROVIDER_PREFIXES):
                raise PydanticCustomError("unknown_setting", "there is no setting {name}", {"name": name})
        return self


class AgentDefinition(_Value):
    """All that makes a version of an agent. `model` is written `provider-slug:model-name`."""

    model: str = Field(max_length=300)
    instructions: str = Field("", max_length=MAX_INSTRUCTIONS)
    settings: ModelOptions = Field(default_factory=ModelOptions)
    output_schema: dict[str, JsonValue] | None = Field(
        None, description="JSON Schema (2020-12) of the answer, an object; without it the answer is text."
    )
    tools: Annotated[tuple[ToolUse, ...], Field(max_length=128)] = ()
    mounts: Annotated[tuple[MountUse, ...], Field(max_length=64)] = ()
    limits: RunLimits = Field(default_factory=RunLimits)
    streaming: bool = Field(False, description="Show the answer's words as the model writes them.")
    context_budget_tokens: int = Field(8_000, ge=100, le=10_000_000)


@dataclass(frozen=True, slots=True)
class Author:
    """Who publishes: a principal's kind and id."""

    kind: str = ""
    id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A context as a version mounts it."""

    context_id: uuid.UUID
    version: int | None
    access: Literal["read", "write"]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentBundle:
    """All that a worker needs of a version, in one immutable value."""

    version_id: uuid.UUID
    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    number: int
    model_id: uuid.UUID
    instructions: str
    settings: Mapping[str, Any]
    output_schema: dict[str, Any] | None
    tools: tuple[BoundTool, ...]
    mounts: tuple[Mount, ...]
    limits: Mapping[str, Any]
    streaming: bool
    context_budget_tokens: int


def read_definition(data: Any) -> AgentDefinition:
    """The definition that JSON-like data describes. Raises InvalidAgentDefinition with a fault for each place."""
    try:
        return AgentDefinition.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [Fault("".join(f"/{part}" for part in item["loc"]), item["type"], item["msg"]) for item in errors]
        raise InvalidAgentDefinition("The definition is not valid.", errors=faults) from None
