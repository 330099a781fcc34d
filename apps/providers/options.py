"""The settings that provider and model rows may carry, checked on save."""

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from apps.core.exceptions import Fault, InvalidInput

M = TypeVar("M", bound=BaseModel)


class ProviderOptions(BaseModel):
    """What some kinds need beside an address and credentials.

    `api` chooses between OpenAI's chat completions and its Responses API (openai: responses, others: chat);
    `organization` and `project` are OpenAI's; `region` is Bedrock's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api: Literal["chat", "responses"] | None = None
    organization: str | None = None
    project: str | None = None
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,40}$")


class ModelOptions(BaseModel):
    """Defaults for every request to a model; an agent's own settings win.

    `extra_body` is merged into the body of OpenAI-compatible requests.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1, le=10**9)
    seed: int | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    stop_sequences: list[str] | None = None
    parallel_tool_calls: bool | None = None
    thinking: bool | Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    extra_body: dict[str, Any] | None = None


def provider_options(data: object) -> ProviderOptions:
    """The checked settings of a provider row. Raises InvalidInput."""
    return _checked(ProviderOptions, data)


def model_options(data: object) -> ModelOptions:
    """The checked settings of a model row, or of an agent. Raises InvalidInput."""
    return _checked(ModelOptions, data)


def _checked(model: type[M], data: object) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidInput("The settings are not valid.", errors=list(map(_fault, error.errors()))) from None


def _fault(error: Any) -> Fault:
    return Fault(
        pointer="/settings" + "".join(f"/{part}" for part in error["loc"]), code="settings", detail=error["msg"]
    )
