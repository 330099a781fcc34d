"""What `@tool` makes of a function."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from apps.tools.declaration import Effect, ToolCall, tool
from apps.tools.exceptions import InvalidSchema, InvalidToolDefinition, ToolInputInvalid
from tests.unit.tools.calls import run_tool


def test_it_works() -> None:
    @tool(version="1.2.3", effect=Effect.READ_ONLY)
    def word_count(
        call: ToolCall, text: Annotated[str, Field(description="Any text.")], unit: Literal["words", "lines"] = "words"
    ) -> int:
        """Count the words of a text.

        Or its lines.
        """
        return len(text.split() if unit == "words" else text.splitlines())

    assert word_count.label == "word_count@1.2.3"
    assert word_count.description == "Count the words of a text.\n\nOr its lines."
    assert word_count.effect is Effect.READ_ONLY
    assert word_count.timeout_s == 30.0
    assert word_count.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "Any text."},
            "unit": {"type": "string", "enum": ["words", "lines"], "default": "words"},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    assert list(word_count.input_schema["properties"]) == ["text", "unit"]
    assert word_count.output_schema == {"type": "integer"}
    assert run_tool(word_count, text="one two\nthree") == 3
    assert run_tool(word_count, text="one two\nthree", unit="lines") == 2


def test_an_effect_that_is_not_declared_is_unsafe() -> None:
    @tool(version="1.0.0")
    def launch(call: ToolCall) -> None:
        """Launch."""

    assert launch.effect is Effect.UNSAFE


def test_arguments_arrive_in_the_types_of_the_signature() -> None:
    class Line(BaseModel):
        sku: str
        count: int = 1

    seen: list[Any] = []

    @tool(version="1.0.0")
    def order(call: ToolCall, lines: list[Line], day: date, copy: bool = False, _note: str | None = None) -> str:
        """Order."""
        seen.append((lines, day, copy, _note))
        return "ok"

    assert run_tool(order, lines=[{"sku": "a"}], day="2026-11-23", copy=True) == "ok"
    assert seen == [([Line(sku="a")], date(2026, 11, 23), True, None)]
    with pytest.raises(ToolInputInvalid, match="/day"):
        run_tool(order, lines=[], day="yesterday")
    assert len(seen) == 1


def test_results_are_written_by_their_type() -> None:
    class Row(TypedDict):
        id: int

    @dataclass
    class Report:
        day: date
        rows: list[Row]

    @tool(version="1.0.0")
    def report(call: ToolCall) -> Report:
        """Report."""
        return Report(date(2026, 1, 2), [{"id": 1}])

    assert report.output_schema is not None
    assert report.output_schema["required"] == ["day", "rows"]
    assert run_tool(report) == {"day": "2026-01-02", "rows": [{"id": 1}]}


def test_schemas_can_be_written_by_hand() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}

    @tool(name="times_two", version="1.0.0", input_schema=schema, output_schema={"type": "integer", "maximum": 10})
    def double(call: ToolCall, **arguments: Any) -> Any:
        """Double."""
        return arguments["x"] * 2

    assert (double.name, double.input_schema, double.output_schema) == (
        "times_two",
        schema,
        {"type": "integer", "maximum": 10},
    )
    assert run_tool(double, x=4) == 8


def test_the_digest_covers_what_an_agent_relies_on_and_nothing_else() -> None:
    def make(
        version: str = "1.0.0", effect: Effect = Effect.READ_ONLY, timeout_s: float = 1, text: str = "Say."
    ) -> bytes:
        def say(call: ToolCall, words: str) -> str:
            return words

        say.__doc__ = text
        return tool(version=version, effect=effect, timeout_s=timeout_s)(say).digest

    assert make() == make()
    assert make() == make(timeout_s=2)
    assert len({make(), make(version="1.0.1"), make(effect=Effect.UNSAFE), make(text="Shout.")}) == 4


def say(call: ToolCall, words: str) -> str:
    """Say."""
    return words


def silent(call: ToolCall) -> None:
    pass


def unannotated(call: ToolCall, words) -> None:  # type: ignore[no-untyped-def]
    """Say."""


def variadic(call: ToolCall, *words: str) -> None:
    """Say."""


def field_default(call: ToolCall, words: str = Field(max_length=3)) -> None:
    """Say."""


def unschematic(call: ToolCall, words: type(print)) -> None:  # type: ignore[valid-type]
    """Say."""


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (say, {"name": "Say"}, "no tool name"),
        (say, {"name": "say.it"}, "no tool name"),
        (say, {"name": "s" * 65}, "no tool name"),
        (say, {"version": "1.0"}, "semantic"),
        (say, {"version": "01.0.0"}, "semantic"),
        (say, {"timeout_s": 0}, "timeout_s"),
        (say, {"timeout_s": float("nan")}, "timeout_s"),
        (say, {"input_schema": {"type": "array"}}, "type object"),
        (silent, {}, "docstring"),
        (unannotated, {}, "annotate every argument"),
        (variadic, {}, "name every argument"),
        (field_default, {}, "Annotated"),
        (unschematic, {}, "unschematic"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(function: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidToolDefinition, match=words):
        tool(**{"version": "1.0.0", **options})(function)


@pytest.mark.parametrize("where", ["input_schema", "output_schema", "config_schema"])
def test_every_schema_is_checked(where: str) -> None:
    remote = {"type": "object", "properties": {"x": {"$ref": "https://evil.example/schema"}}}
    with pytest.raises(InvalidSchema, match="stay inside"):
        tool(version="1.0.0", **{where: remote})(say)  # type: ignore[arg-type]
