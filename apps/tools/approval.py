"""Who must agree before a tool is called: the policy of one binding."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from apps.accounts.permissions import Permission, Role, roles_with
from apps.tools.conditions import MAX_CHARACTERS, check_condition, holds
from apps.tools.exceptions import InvalidCondition

NEVER: Final = "never"
ALWAYS: Final = "always"


class ApprovalPolicy(BaseModel):
    """When a call waits for people, for whom, and what happens when they do not answer in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = Field(
        ALWAYS,
        min_length=1,
        max_length=MAX_CHARACTERS,
        description="`never`, `always`, or a condition over the arguments, such as `amount > 100`. "
        "A call of which it cannot be decided waits.",
    )
    assignee: str | None = Field(None, max_length=254, description="The e-mail of the only member who may decide.")
    role: Role = Field(Role.OPERATOR, description="The lowest role that may decide.")
    needed: int = Field(1, ge=1, le=20, description="How many people must approve.")
    services: bool = Field(False, description="Whether service accounts count like people.")
    due_seconds: int | None = Field(None, ge=1, le=365 * 86_400, description="How long people have; null is for ever.")
    on_due: Literal["reject", "approve", "escalate"] = Field("reject", description="What happens then.")
    escalate_role: Role | None = Field(None, description="Who decides after that: the lowest role.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _require(self.role in _DECIDERS, "role_may_not", "this role may not decide")
        _require(self.assignee is None or self.needed == 1, "needed", "one assignee cannot be several people")
        _require(self.on_due == "reject" or self.due_seconds, "due_missing", "without due_seconds nothing is ever due")
        escalates = self.on_due == "escalate"
        _require(escalates == (self.escalate_role is not None), "escalate_role", "escalate_role goes with escalate")
        _require(self.escalate_role is None or self.escalate_role in _DECIDERS, "role_may_not", "it may not decide")
        return self

    def check(self, input_schema: Mapping[str, Any]) -> None:
        """Raises InvalidCondition for a condition that the tool's arguments cannot answer."""
        if self.when not in (NEVER, ALWAYS):
            check_condition(self.when, input_schema.get("properties", {}))

    def asks(self, arguments: Mapping[str, Any], input_schema: Mapping[str, Any]) -> bool:
        """Whether this call waits. A condition that cannot be decided does not open the door."""
        if self.when in (NEVER, ALWAYS):
            return self.when == ALWAYS
        try:
            return holds(self.when, _defaults(input_schema) | dict(arguments))
        except InvalidCondition:
            return True


_DECIDERS: Final = roles_with(Permission.WAITS_DECIDE)


def _defaults(input_schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = input_schema.get("properties", {})
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema}


def _require(condition: object, code: str, message: str) -> None:
    if not condition:
        raise PydanticCustomError(code, message)
