"""What a tool is, and what one call of it is given. Plain values: nothing here touches the database."""

import inspect
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, Protocol

from pydantic import JsonValue, TypeAdapter

from apps.core.canonical import digest
from apps.tools import versions
from apps.tools.approval import ApprovalPolicy
from apps.tools.effects import Effect
from apps.tools.exceptions import InvalidToolDefinition, ToolFailed
from apps.tools.schemas import check_schema, compile_validator

# The strictest of the model providers' rules for names; dots and capitals would be refused by some.
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
NO_CONFIG: Final[dict[str, Any]] = {"type": "object", "additionalProperties": False}
MAX_TIMEOUT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class MountRef:
    """A context that the run may see, at a version or (None) at its newest."""

    context_id: uuid.UUID
    version: int | None
    access: Literal["read", "write"]


class EffectLedger(Protocol):
    """The line of one call in the run's ledger of effects, and what is to be known about it."""

    def begin(self) -> None:
        """Raises when the call may not begin any more: the run may be another process's by now, which may make it."""
        ...

    def record(self, result: JsonValue) -> None:
        """Store the result with the writes of the open transaction, for a tool that writes through our own database."""
        ...

    def late(self, result: JsonValue) -> None:
        """Keep what the call brought when nobody waited for it any more. Queries the database."""
        ...

    def failed(self, error: ToolFailed) -> None:
        """Note why the call has no result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The circumstances of one call: for whom, in which step, over which contexts, and how long it may take.

    `idempotency_key` is the same whenever this step is tried again. `config` is what the agent's binding configured.
    """

    workspace_id: uuid.UUID
    run_id: uuid.UUID
    step_key: str
    idempotency_key: str
    mounts: tuple[MountRef, ...] = ()
    deadline: datetime | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    ledger: EffectLedger | None = None

    def record_effect(self, result: JsonValue) -> None:
        """Leave the result in the run's effect ledger; call it inside the transaction that has the effect.

        A replay finds it there and does not run the tool again. Outside a run there is no ledger, and nothing happens.
        """
        if self.ledger is not None:
            self.ledger.record(result)


@dataclass(frozen=True, kw_only=True)
class ToolDefinition:
    """One version of a tool: its contract with the model, and the code behind it.

    `run` is called as `run(call, **arguments)`, sync (in a thread, with the ORM at hand) or async (on the event loop,
    where nothing may block). `arguments` and `returns` turn JSON into the types of its signature and back.

    A tool that `defers` has no effect and gives no result: its `run` returns a Deferral at once, sync and without I/O,
    the run waits for that, holding no worker, and what comes is the result. It is called anew whenever a run resumes.

    `check` is called as `check(call, **arguments)`, sync or async, and returns a Finding: of a call that left no
    result, whether it had its effect.
    """

    name: str
    version: str
    description: str
    input_schema: dict[str, Any]
    run: Callable[..., Any]
    output_schema: dict[str, Any] | None = None
    config_schema: dict[str, Any] = field(default_factory=lambda: NO_CONFIG)
    effect: Effect = Effect.UNSAFE
    timeout_s: float = 30.0
    arguments: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    returns: TypeAdapter[Any] | None = None
    defers: bool = False
    check: Callable[..., Any] | None = None
    effect_of: Callable[[Mapping[str, Any]], Effect] | None = None

    def __post_init__(self) -> None:
        """Raises InvalidToolDefinition or InvalidSchema."""
        _require(NAME.fullmatch(self.name), f"{self.name!r} is no tool name: a-z, 0-9 and _, up to 64 characters.")
        _require(versions.FORM.fullmatch(self.version), f"{self.label}: the version must be semantic, such as 1.0.0.")
        _require(len(self.version) <= 40, f"{self.label}: the version has more than 40 characters.")
        _require(self.description.strip(), f"{self.label}: the model needs a description; write a docstring.")
        _require(0 < self.timeout_s <= MAX_TIMEOUT_S, f"{self.label}: timeout_s must lie in (0, {MAX_TIMEOUT_S}].")
        _require(self.input_schema.get("type") == "object", f"{self.label}: the input schema must have type object.")
        _require(not (self.defers and self.is_async), f"{self.label}: a tool that defers is no coroutine function.")
        for schema in (self.input_schema, self.output_schema, self.config_schema):
            if schema is not None:
                check_schema(schema)

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of what an agent relies on: name, version, description, schemas and effect."""
        return digest(
            {
                "name": self.name,
                "version": self.version,
                "description": self.description,
                "input_schema": self.input_schema,
                "output_schema": self.output_schema,
                "config_schema": self.config_schema,
                "effect": self.effect.value,
            }
        )

    def effect_under(self, config: Mapping[str, Any]) -> Effect:
        """The effect of a call by an agent whose binding is configured so."""
        return self.effect if self.effect_of is None else self.effect_of(config)

    @cached_property
    def is_async(self) -> bool:
        """Whether `run` is a coroutine function."""
        return inspect.iscoroutinefunction(self.run)

    @cached_property
    def input_validator(self) -> Any:
        """Compiled once; the check of a small call takes about 10 microseconds."""
        return compile_validator(self.input_schema)

    @cached_property
    def output_validator(self) -> Any:
        """Compiled once; None when any JSON is accepted."""
        return None if self.output_schema is None else compile_validator(self.output_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundTool:
    """A tool version as an agent binds it: what the registry must still have, and what the model was promised."""

    name: str
    version: str
    digest: bytes
    description: str
    input_schema: Mapping[str, Any]
    effect: Effect
    config: Mapping[str, Any]
    approval: ApprovalPolicy | None = None


def _require(condition: object, message: str) -> None:
    if not condition:
        raise InvalidToolDefinition(message)
