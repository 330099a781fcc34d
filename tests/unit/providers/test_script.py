"""What is a script, and what is refused with a word about the place."""

from typing import Any

import pytest

from apps.providers.exceptions import InvalidScript
from apps.providers.script import parse_script, validate_script


def test_it_works() -> None:
    script = parse_script({"turns": [{"text": "a"}, {"hang": True}], "repeat_last": True})
    assert [turn.text for turn in script.turns] == ["a", None]
    assert script.repeat_last


def test_a_bare_list_is_short_for_its_turns() -> None:
    assert parse_script([{"text": "a"}]) == parse_script({"turns": [{"text": "a"}]})


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (None, ""),
        ("text", ""),
        ({}, ""),
        ([], ""),
        ({"turns": []}, "/turns"),
        ({"turns": [{"text": "a"}], "loop": True}, ""),
        ([{}], "/0"),
        ([{"txt": "a"}], "/0"),
        ([{"text": 1}], "/0/text"),
        ([{"text": "a"}, {"tool_calls": [{"args": {}}]}], "/1/tool_calls/0"),
        ([{"tool_calls": []}], "/0/tool_calls"),
        ([{"tool_calls": [{"name": "t", "args": "x"}]}], "/0/tool_calls/0/args"),
        ([{"error": {"status": 200}}], "/0/error/status"),
        ([{"error": {}}], "/0/error"),
        ([{"text": "a", "latency_s": -1}], "/0/latency_s"),
        ([{"text": "a", "chunks": 0}], "/0/chunks"),
        ([{"text": "a", "times": 1}], "/0"),
        ([{"hang": False}], "/0/hang"),
        ([{"text": "a", "usage": {"tokens": 1}}], "/0/usage"),
    ],
)
def test_what_is_no_script_is_refused(document: Any, pointer: str) -> None:
    with pytest.raises(InvalidScript) as caught:
        validate_script(document)
    assert caught.value.code == "invalid_script"
    assert pointer in [fault.pointer for fault in caught.value.errors]
