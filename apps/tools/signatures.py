"""JSON Schemas from a function's annotations, by way of pydantic."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_ai.tools import GenerateToolJsonSchema

from apps.tools.exceptions import InvalidToolDefinition

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}


@dataclass(frozen=True, slots=True)
class Arguments:
    """Turns checked JSON arguments into the types of the signature."""

    model: type[BaseModel]
    names: Mapping[str, str]

    def __call__(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults included. Raises pydantic's ValidationError."""
        values = self.model.model_validate(arguments)
        return {name: getattr(values, field) for field, name in self.names.items()}

    def schema(self) -> dict[str, Any]:
        """Their JSON Schema (2020-12), in the order of the signature."""
        schema = self.model.model_json_schema(schema_generator=GenerateToolJsonSchema)
        schema.pop("title", None)
        return schema


def read_arguments(function: Callable[..., Any]) -> Arguments:
    """What `function` takes after its first parameter, the ToolCall. Raises InvalidToolDefinition."""
    hints = _hints(function)
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    # Fields are numbered and aliased, because a parameter may well be called `copy`, `json` or `_x`.
    for index, parameter in enumerate(list(inspect.signature(function).parameters.values())[1:]):
        _check_parameter(function, parameter, hints)
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"argument_{index}"] = (hints[parameter.name], Field(default, alias=parameter.name))
        names[f"argument_{index}"] = parameter.name
    try:
        model = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
        return Arguments(model, names)
    except PydanticUserError as error:
        raise InvalidToolDefinition(f"{function.__name__}: {error.message}") from error


def read_result(function: Callable[..., Any]) -> tuple[TypeAdapter[Any], dict[str, Any]] | None:
    """The result's type and JSON Schema; None when the function does not say, or says any JSON."""
    annotation = _hints(function).get("return", Any)
    if annotation is Any:
        return None
    try:
        adapter = TypeAdapter(annotation)
        schema = adapter.json_schema(mode="serialization", schema_generator=GenerateToolJsonSchema)
    except PydanticUserError as error:
        raise InvalidToolDefinition(f"{function.__name__}: {error.message}") from error
    schema.pop("title", None)
    return (adapter, schema) if schema else None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise InvalidToolDefinition(f"{function.__name__}: an annotation cannot be read: {error}") from error


def _check_parameter(function: Callable[..., Any], parameter: inspect.Parameter, hints: Mapping[str, Any]) -> None:
    place = f"{function.__name__}({parameter.name})"
    if parameter.kind in _VARIADIC:
        raise InvalidToolDefinition(f"{place}: name every argument, or give the tool an input_schema.")
    if parameter.name not in hints:
        raise InvalidToolDefinition(f"{place}: annotate every argument, or give the tool an input_schema.")
    if isinstance(parameter.default, FieldInfo):
        raise InvalidToolDefinition(f"{place}: write Annotated[type, Field(...)] and a plain default.")
