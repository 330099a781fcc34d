"""JSON is read strictly, and hostile JSON quickly."""

import io
import time

import pytest
from pytest_django.fixtures import Settings

from apps.core.exceptions import MalformedRequest, PayloadTooLarge
from apps.core.parsers import MAX_DEPTH, StrictJSONParser, read_json


def code_of(body: bytes) -> str:
    with pytest.raises(MalformedRequest) as caught:
        read_json(body)
    return caught.value.code


def test_it_works() -> None:
    body = '{"a": [1, -2.5, true, null, "é😀", "\\ud83d\\ude00"], "b": {}}'.encode()
    assert read_json(body) == {"a": [1, -2.5, True, None, "é😀", "😀"], "b": {}}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,]", b"{'a': 1}", b"\xff\xfe", b'"\xed\xa0\x80"', b"[NaN]", b"[Infinity]", b"[-Infinity]", b"1 2",
     b"\xef\xbb\xbf{}", b'"a\x00b"', b'"line\nbreak"', b"01", b"+1", b".5"],
)  # fmt: skip
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert code_of(body) == "malformed_json"


def test_a_key_twice_is_refused_wherever_it_is() -> None:
    assert code_of(b'{"a": 1, "a": 1}') == "duplicate_key"
    assert code_of(b'[{"x": {"b": 1, "c": 2, "b": 3}}]') == "duplicate_key"
    assert read_json(b'[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "number", [b"9223372036854775808", b"-9223372036854775809", b"9" * 10_000, b"1e400", b"-1e999"]
)
def test_a_number_that_others_would_round_is_refused(number: bytes) -> None:
    assert code_of(b"[%s]" % number) == "number_out_of_range"


def test_the_largest_integers_pass() -> None:
    assert read_json(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]


def test_depth_is_limited_to_the_level() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    assert code_of(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)) == "json_too_deep"
    assert code_of(b'{"a":' * 101 + b"1" + b"}" * 101) == "json_too_deep"


def test_wide_is_not_deep() -> None:
    assert len(read_json(b"[" + b"[{}]," * 20_000 + b"1]")) == 20_001


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_hundred_thousand_levels_are_refused_at_once(opening: bytes) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]
    started = time.monotonic()
    assert code_of(opening * 100_000 + b"1" + closing * 100_000) == "json_too_deep"
    assert code_of(opening * 100_000) == "json_too_deep"
    assert time.monotonic() - started < 2.0


def test_brackets_in_text_are_not_depth() -> None:
    text = "[" * 500 + '\\"' + "{" * 500
    assert read_json(b'["%s", "\\\\", "["]' % text.encode()) == ["[" * 500 + '"' + "{" * 500, "\\", "["]


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 2_000_000, b'[{"' * 1_000_000, b"[]" * 2_000_000, b"]" * 4_000_000])
def test_four_hostile_megabytes_are_refused_in_seconds(body: bytes) -> None:
    started = time.monotonic()
    assert code_of(body) in {"malformed_json", "json_too_deep"}
    assert time.monotonic() - started < 5.0


def test_text_that_cannot_be_stored_is_refused_with_its_place() -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_json(b'{"a/b": [{"text": "x\\u0000y"}]}')
    assert caught.value.code == "invalid_text"
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [("/a~1b/0/text", "invalid_text")]
    assert code_of(b'["\\ud800"]') == code_of(b'["\\uDFFF x"]') == code_of(b'{"\\u0000": 1}') == "invalid_text"


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    assert read_json(b'["\\\\u0000"]') == ["\\u0000"]


def test_the_parser_reads_no_more_than_the_limit(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    assert StrictJSONParser().parse(io.BytesIO(b'"' + b"a" * 998 + b'"')) == "a" * 998
    stream = io.BytesIO(b'"' + b"a" * 1_000_000 + b'"')
    with pytest.raises(PayloadTooLarge) as caught:
        StrictJSONParser().parse(stream)
    assert caught.value.details == {"limit_bytes": 1_000}
    assert stream.tell() == 1_001
