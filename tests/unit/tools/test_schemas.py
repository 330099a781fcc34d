"""Schemas that come from outside are checked before they are kept, and cannot be used as a weapon after."""

import time
from typing import Any

import pytest

from apps.core.exceptions import Fault
from apps.tools.exceptions import InvalidSchema
from apps.tools.schemas import MAX_DEPTH, check_schema, compile_validator, faults, sentence


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


def test_it_works() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    assert check_schema(schema) is schema
    validator = compile_validator(schema)
    assert faults(validator, {"next": {"next": {}}}) == ()
    assert faults(validator, {"next": {"next": 1}}) == (Fault("/next/next", "type", "1 is not of type 'object'"),)


@pytest.mark.parametrize(
    ("schema", "pointer", "code"),
    [
        (True, "/s", "type"),
        ([], "/s", "type"),
        ({"type": "strong"}, "/s/type", "schema"),
        ({"properties": {"a": {"minimum": "1"}}}, "/s/properties/a/minimum", "schema"),
        ({"$ref": "https://example.com/x"}, "/s/$ref", "remote_ref"),
        ({"$ref": "other.json"}, "/s/$ref", "remote_ref"),
        ({"$ref": 1}, "/s/$ref", "remote_ref"),
        ({"properties": {"default": {"$ref": "file:///etc/passwd"}}}, "/s/properties/default/$ref", "remote_ref"),
        ({"allOf": [{"$dynamicRef": "http://x#y"}]}, "/s/allOf/0/$dynamicRef", "remote_ref"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/s/$schema", "dialect"),
        ({"pattern": "(?=x)"}, "/s/pattern", "pattern"),
        ({"patternProperties": {"(a)\\1": {}}}, "/s/pattern", "pattern"),
        (nested(MAX_DEPTH + 1), "/s" + "/not" * (MAX_DEPTH + 1), "depth"),
        ({"description": "x" * 65_536}, "/s", "size"),
        ({"default": float("nan")}, "/s", "json"),
        (nested(100_000), "/s", "json"),
        ({"const": "a\x00"}, "/s", "text"),
        ({"properties": {"\ud800": {}}}, "/s", "text"),
    ],
)
def test_what_is_not_accepted_is_refused_with_its_place(schema: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidSchema) as caught:
        check_schema(schema, pointer="/s")
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [(pointer, code)]


def test_names_and_data_are_no_keywords() -> None:
    check_schema(
        {
            "properties": {"$ref": {"type": "string"}, "pattern": {}, "$schema": {}},
            "default": {"$ref": "https://example.com/"},
            "examples": [{"pattern": "(?=x)"}],
        }
    )


def test_patterns_take_linear_time() -> None:
    validator = compile_validator(
        {
            "properties": {"a": {"pattern": "^(a+)+$"}},
            "patternProperties": {"^(b+)+$": {"type": "integer"}},
            "additionalProperties": False,
        }
    )
    started = time.perf_counter()
    found = faults(validator, {"a": "a" * 50_000 + "!", "b" * 50_000: "1", "b" * 50_000 + "!": 1})
    assert time.perf_counter() - started < 1
    assert sorted(fault.code for fault in found) == ["additionalProperties", "pattern", "type"]


def test_patterns_search_and_are_not_anchored() -> None:
    assert faults(compile_validator({"pattern": "b"}), "abc") == ()
    assert [fault.code for fault in faults(compile_validator({"pattern": "^b"}), "abc")] == ["pattern"]


def test_additional_properties_may_have_a_schema() -> None:
    validator = compile_validator({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}})
    assert faults(validator, {"a": "x", "b": 1}) == ()
    assert faults(validator, {"b": "x"}) == (Fault("/b", "type", "'x' is not of type 'integer'"),)
    assert faults(compile_validator({"additionalProperties": False}), []) == ()


def test_a_schema_that_multiplies_itself_is_stopped() -> None:
    doubled = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    schema = check_schema({"$defs": {**doubled, "d60": {}}, "$ref": "#/$defs/d0"})
    started = time.perf_counter()
    assert [fault.code for fault in faults(compile_validator(schema), {})] == ["complexity"]
    assert time.perf_counter() - started < 5


def test_a_schema_that_refers_to_itself_is_stopped() -> None:
    assert [fault.code for fault in faults(compile_validator({"$ref": "#"}), {})] == ["depth"]


def test_a_reference_to_nothing_is_a_fault_and_is_fetched_from_nowhere() -> None:
    for target in ("#/$defs/none", "http://127.0.0.1:9/none"):
        (fault,) = faults(compile_validator({"$ref": target}), {})
        assert fault.code == "$ref"
        assert "which is not in it" in fault.detail


def test_of_several_branches_the_closest_speaks() -> None:
    validator = compile_validator({"anyOf": [{"type": "string"}, {"properties": {"a": {"type": "integer"}}}]})
    assert faults(validator, {"a": "x"}) == (Fault("/a", "type", "'x' is not of type 'integer'"),)


def test_a_long_value_does_not_make_a_long_message() -> None:
    (fault,) = faults(compile_validator({"type": "integer"}), "x" * 100_000)
    assert len(fault.detail) == 300
    assert fault.detail.startswith("'xxx")
    assert fault.detail.endswith("xxx' is not of type 'integer'")


def test_the_first_five_faults_are_told() -> None:
    validator = compile_validator({"items": {"type": "integer"}})
    found = faults(validator, ["a"] * 100)
    assert [fault.pointer for fault in found] == ["/0", "/1", "/2", "/3", "/4"]
    assert sentence(found[:1]) == "at /0: 'a' is not of type 'integer' (type)"


def test_pointers_are_escaped() -> None:
    validator = compile_validator({"properties": {"a/b~c": {"type": "integer"}}})
    assert faults(validator, {"a/b~c": ""})[0].pointer == "/a~1b~0c"
