"""How the admin writes durations, sizes, amounts and payloads; pure."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from apps.core import canonical
from apps.runs import payloads

SHOWN_CHARACTERS: Final = 20_000
"""What a page shows of a payload; the rest is a download away."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def duration(span: timedelta | None) -> str:
    """`840 ms`, `1.2 s`, `2 m 05 s`, `3 h 12 m`, `2 d 4 h`; a dash for none."""
    if span is None:
        return "—"
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def count(number: int) -> str:
    """`812`, `12.4k`, `3.1M`."""
    if number < 1000:
        return str(number)
    if number < 999_950:
        return f"{number / 1000:.1f}k"
    return f"{number / 1_000_000:.1f}M"


def usd(amount: Decimal) -> str:
    """`$0.00016`, `$1.20`; a dash for nothing."""
    if not amount:
        return "—"
    return f"${amount:.2f}" if amount >= Decimal("0.1") else f"${Decimal(f'{amount:.2g}'):f}"


def size(count_of_bytes: int) -> str:
    """`812 B`, `12.4 kB`, `3.1 MB`."""
    if count_of_bytes < 1000:
        return f"{count_of_bytes} B"
    if count_of_bytes < 999_950:
        return f"{count_of_bytes / 1000:.1f} kB"
    return f"{count_of_bytes / 1_000_000:.1f} MB"


@dataclass(frozen=True, slots=True)
class Shown:
    """A payload as a page shows it. `is_prose` tells text of a person or a model from JSON."""

    text: str
    size: str
    is_prose: bool
    is_cut: bool


def shown(row: bytes | memoryview | None) -> Shown | None:
    """A stored payload, readable and safe to send: what UTF-8 cannot carry is written as an escape.

    What is kept apart from its row is too large for a page, and not read.
    """
    if row is None:
        return None
    length = payloads.size_of(row)
    if payloads.digest_of(row) is not None:
        return Shown("", size(length), is_prose=False, is_cut=True)
    [data] = payloads.unpack([row], lambda _digests: {})
    return shown_value(canonical.load(data), length)


def shown_value(value: Any, length: int) -> Shown:
    """The same for a value that is loaded already; `length` is that of its stored form in bytes."""
    is_prose = isinstance(value, str)
    text = value if is_prose else json.dumps(value, indent=2, ensure_ascii=False)
    return Shown(_printable(text[:SHOWN_CHARACTERS]), size(length), is_prose, len(text) > SHOWN_CHARACTERS)


def one_line(value: dict[str, Any]) -> str:
    """A small object's members, for a table."""
    return _printable(", ".join(f"{key}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()))


def _printable(text: str) -> str:
    return text.replace("\x00", "\u2400").encode("utf-8", "backslashreplace").decode()
