"""Texts that no client can send are mended in what a request repeats, and nothing else is touched."""

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.test import TestModel

from workers.engine.wellformed import WellFormedModel, mended


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\x00b", "a\x00b"),
        ({"k\ud800": [1, "v\udfff", {"x": "\ud800"}]}, {"k\ufffd": [1, "v\ufffd", {"x": "\ufffd"}]}),
        (("ä", "\ud800"), ["ä", "\ufffd"]),
    ],
)
def test_it_works(broken, whole):
    assert mended(broken) == whole


@pytest.mark.parametrize(
    "value", ["plain", "ünïcödé \U0001f600 \x00", {"k": ["ä", 1, None]}, [], {}, 1.5, None, ("a",)]
)
def test_what_is_valid_stays_the_same_object(value):
    assert mended(value) is value


def test_every_part_that_says_something():
    picture = BinaryContent(b"\xff", media_type="image/png")
    messages = [
        ModelRequest(parts=[UserPromptPart("q\ud800"), UserPromptPart(["r\ud800", picture])]),
        ModelResponse(
            parts=[TextPart("t\ud800"), ToolCallPart("f", {"x": "\ud800"}), ToolCallPart("g", '{"x": "\ud800"}')]
        ),
        ModelRequest(parts=[ToolReturnPart("f", {"y": "\ud800"}, tool_call_id="1")]),
        ModelResponse(parts=[TextPart("fine")]),
    ]
    request, response, returned, fine = WellFormedModel(TestModel()).prepare_messages(list(messages))
    assert [part.content for part in request.parts] == ["q\ufffd", ["r\ufffd", picture]]
    assert response.parts[0].content == "t\ufffd"
    assert [part.args for part in response.parts[1:]] == [{"x": "\ufffd"}, '{"x": "\ufffd"}']
    assert returned.parts[0].content == {"y": "\ufffd"}
    assert fine is messages[3]
    assert messages[0].parts[0].content == "q\ud800"
