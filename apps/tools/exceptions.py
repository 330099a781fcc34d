"""What can go wrong with tools.

CefError
├── NotFound: ToolNotFound
├── Conflict: ToolConflict, ToolDefinitionChanged
├── InvalidInput: InvalidSchema, InvalidToolDefinition, InvalidCondition
└── ToolFailed                a call did not give a result; the model is told the message
    ├── ToolInputInvalid      the model can correct its arguments
    ├── ToolOutputInvalid     the tool broke its own contract
    │   └── ResultTooLarge    it returned more than is kept
    ├── ToolTimeout           no result in time
    └── ToolUnavailable       the code of this version is not here
"""

from collections.abc import Sequence
from typing import Any

from apps.core.exceptions import CefError, Conflict, Fault, InvalidInput, NotFound
from apps.core.retry import Remedy


class ToolNotFound(NotFound):
    """There is no such tool, or not in this version."""

    code = "tool_not_found"


class ToolConflict(Conflict):
    """Two different definitions claim the same name and version."""

    code = "tool_conflict"


class ToolDefinitionChanged(Conflict):
    """A registered version was changed in place; give the changed tool a new version."""

    code = "tool_definition_changed"


class InvalidSchema(InvalidInput):
    """This is not a JSON Schema (2020-12) that the platform accepts."""

    code = "schema_invalid"


class InvalidToolDefinition(InvalidInput):
    """A tool's declaration breaks a rule."""

    code = "tool_definition_invalid"


class InvalidCondition(InvalidInput):
    """This is not a condition over a tool's arguments."""

    code = "condition_invalid"


class ToolFailed(CefError):
    """The tool failed.

    A tool raises this to say why in words for the model; the message of any other exception stays in the logs.
    `retryable`: the same call may succeed later. `outcome_unknown`: it may have had its effect, so it must not be
    called again without a person's decision.
    """

    code = "tool_failed"

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        retryable: bool = False,
        outcome_unknown: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message, code=code, **details)
        self.retryable = retryable
        self.outcome_unknown = outcome_unknown

    @property
    def remedy(self) -> Remedy:
        """What may help, other than a person where the outcome is unknown."""
        return Remedy.TRANSIENT if self.retryable else Remedy.TERMINAL


class ToolCrashed(ToolFailed):
    """The tool raised something that nobody foresaw."""


class ToolInputInvalid(ToolFailed):
    """The arguments break the tool's schema; `errors` say where and which rule."""

    code = "tool_input_invalid"

    def __init__(self, message: str = "", *, errors: Sequence[Fault] = ()) -> None:
        super().__init__(message, retryable=True)
        self.errors = tuple(errors)

    @property
    def remedy(self) -> Remedy:
        return Remedy.CORRECTABLE


class ToolOutputInvalid(ToolFailed):
    """The tool's result is not what it declared."""

    code = "tool_output_invalid"


class ResultTooLarge(ToolOutputInvalid):
    """The tool returned more than is kept."""

    code = "tool_result_too_large"


class ToolTimeout(ToolFailed):
    """The tool gave no result in time."""

    code = "tool_timeout"


class ToolUnavailable(ToolFailed):
    """This version of the tool is not installed here."""

    code = "tool_unavailable"
