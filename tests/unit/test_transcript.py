"""A run's journal as messages that a later run can hear."""

from typing import Any

import pytest
from pydantic_ai.messages import (
    INTERRUPTED_TOOL_RETURN_CONTENT,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    ToolReturnPart,
)

from apps.runs.transcript import NOT_RECORDED, Said, transcript


def text(content: str) -> dict[str, Any]:
    return {"part_kind": "text", "content": content}


def call(name: str, call_id: str = "c", **args: Any) -> dict[str, Any]:
    return {"part_kind": "tool-call", "tool_name": name, "args": args, "tool_call_id": call_id}


def said(step: int, *parts: dict[str, Any]) -> Said:
    """A model's recorded answer."""
    return Said(step, "model", "m", "", {"kind": "response", "parts": list(parts)})


def came(step: int, name: str, result: Any, call_id: str = "c", kind: str = "tool_return") -> Said:
    """A tool's recorded result."""
    told = {"result": result} if kind in {"tool_return", "tool_content_result"} else {"message": result}
    return Said(step, "tool", name, call_id, {"kind": kind, **told})


def told(*journal: Said, **more: Any) -> list[tuple[str, Any]]:
    """Kind and content of each part after the question."""
    messages = transcript("Q", journal, **more)
    assert isinstance(messages[0], ModelRequest)
    assert [part.content for part in messages[0].parts] == ["Q"]
    parts = [part for message in messages[1:] for part in message.parts]
    return [(part.part_kind, getattr(part, "content", None) or getattr(part, "tool_name", None)) for part in parts]


def returns(*journal: Said) -> list[ToolReturnPart[Any]]:
    messages = transcript("Q", journal)
    return [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]


def test_it_works():
    journal = [said(1, call("double", x=1)), came(1, "double", 2), said(2, text("It is 2."))]
    assert told(*journal) == [("tool-call", "double"), ("tool-return", 2), ("text", "It is 2.")]


def test_nothing_was_said_yet():
    assert told() == []


def test_the_calls_of_the_last_answer_were_interrupted():
    journal = [said(1, call("a", "1"), call("b", "2")), came(1, "b", "B", "2")]
    assert [(part.tool_name, part.content, part.outcome) for part in returns(*journal)] == [
        ("a", INTERRUPTED_TOOL_RETURN_CONTENT, "interrupted"),
        ("b", "B", "success"),
    ]


def test_a_call_in_the_middle_that_left_no_step():
    """Say of a tool that does not exist: the loop told the model, and recorded nothing."""
    journal = [said(1, call("nobody")), said(2, text("Sorry."))]
    assert told(*journal) == [("tool-call", "nobody"), ("tool-return", NOT_RECORDED), ("text", "Sorry.")]


def test_an_answer_that_was_not_accepted():
    messages = transcript("Q", [said(1, text("one")), said(2, text("two"))])
    assert [type(message) for message in messages] == [ModelRequest, ModelResponse, ModelRequest, ModelResponse]
    assert isinstance(messages[2].parts[0], RetryFeedbackPart)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("tool_return", "success"),
        ("tool_content_result", "success"),
        ("tool_failed", "failed"),
        ("run_cancelled", "failed"),
        ("model_retry", "retried"),
        ("denied", "denied"),
        ("call_deferred", "interrupted"),
    ],
)
def test_each_kind_of_result(kind, outcome):
    (part,) = returns(said(1, call("t")), came(1, "t", "R", kind=kind))
    assert part.outcome == outcome
    assert part.content == ("R" if outcome != "interrupted" else INTERRUPTED_TOOL_RETURN_CONTENT)


def test_what_a_tool_told_only_the_application_is_not_told():
    result = {"kind": "tool-return", "return_value": "R", "metadata": {"secret": 1}}
    (part,) = returns(said(1, call("t")), came(1, "t", result))
    assert (part.content, part.metadata) == ("R", None)


def test_ids_that_repeat_within_a_step_are_taken_in_order():
    journal = [said(1, call("t"), call("t")), came(1, "t", "first"), came(1, "t", "second")]
    assert [part.content for part in returns(*journal)] == ["first", "second"]


def test_ids_that_repeat_in_every_step():
    journal = [said(1, call("t")), came(1, "t", "one"), said(2, call("t")), came(2, "t", "two"), said(3, text("x"))]
    assert [part.content for part in returns(*journal)] == ["one", "two"]


def test_the_answer_of_a_wait_comes_whenever_it_came():
    """What a person answered is kept apart from the steps, and may be told after them."""
    journal = [said(1, call("ask")), said(2, text("Thanks.")), came(1, "ask", "blue")]
    assert told(*journal) == [("tool-call", "ask"), ("tool-return", "blue"), ("text", "Thanks.")]


def test_words_that_were_not_recorded():
    messages = transcript("Q", [said(1, call("t")), came(1, "t", 1)], unfinished="I was ab")
    assert isinstance(messages[-1], ModelResponse)
    assert (messages[-1].parts[0].content, messages[-1].state) == ("I was ab", "interrupted")


def test_other_units_say_nothing():
    assert told(Said(1, "other", "agent__x", "", {"tools": []}), said(1, text("Hi."))) == [("text", "Hi.")]
