"""How the admin writes numbers and payloads."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import canonical
from apps.runs.admin import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.84, "840 ms"), (0.9996, "1.0 s"), (1.24, "1.2 s"), (59.94, "59.9 s"), (59.96, "1 m 00 s"),
        (125, "2 m 05 s"), (3599.6, "1 h 00 m"), (11_520, "3 h 12 m"), (187_200, "2 d 4 h"), (-5, "0 ms"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == text


def test_no_duration_is_a_dash() -> None:
    assert words.duration(None) == "—"


def test_counts_sizes_and_amounts() -> None:
    assert [words.count(n) for n in (0, 999, 12_440, 999_949, 3_100_000)] == ["0", "999", "12.4k", "999.9k", "3.1M"]
    assert [words.size(n) for n in (12, 12_440, 3_100_000)] == ["12 B", "12.4 kB", "3.1 MB"]
    amounts = ("0", "0.00016125", "0.00000012", "0.0999", "0.1", "12.345")
    assert [words.usd(Decimal(a)) for a in amounts] == ["—", "$0.00016", "$0.00000012", "$0.10", "$0.10", "$12.34"]


def test_json_is_indented_and_text_is_text() -> None:
    assert words.shown(None) is None
    assert words.shown(b'"hello"') == words.Shown("hello", "7 B", True, False)
    assert words.shown(canonical.dump({"a": [1]})) == words.Shown('{\n  "a": [\n    1\n  ]\n}', "9 B", False, False)


def test_what_utf8_cannot_carry_is_written_out() -> None:
    spoken = words.shown(canonical.dump("a\x00b\ud800c"))
    assert spoken is not None
    assert spoken.text == "a␀b\\ud800c"
    assert words.one_line({"cause": "\ud800", "n": 1}) == 'cause: "\\ud800", n: 1'


def test_a_large_payload_is_cut() -> None:
    long = words.shown(canonical.dump("x" * 30_000))
    assert long is not None
    assert (len(long.text), long.size, long.is_cut) == (20_000, "30.0 kB", True)
