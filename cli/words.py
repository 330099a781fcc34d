"""Values as people read them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_CONTROL: Final = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """Text that is safe on a terminal: no escape sequences (models write what they like) and no lone surrogates."""
    return text.translate(_CONTROL).encode("utf-8", "replace").decode()


def duration(milliseconds: float | None) -> str:
    """`85 ms`, `1.2 s`, `3 min 20 s`."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def elapsed(start: str | None, end: str | None) -> float | None:
    """Milliseconds between two ISO times, or None when one is missing."""
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000


def usd(amount: Any) -> str:
    """`$0.0012`: all digits that matter, however small; nothing for no cost."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        return ""
    return f"${value.normalize():f}" if value else ""


def tokens(input_tokens: int | None, output_tokens: int | None) -> str:
    """`812 → 43 tokens`, or nothing for a step without a model."""
    if not input_tokens and not output_tokens:
        return ""
    return f"{input_tokens or 0:,} → {output_tokens or 0:,} tokens"


def when(time: str | None) -> str:
    """An ISO time in the reader's own zone, to the second."""
    if time is None:
        return "–"
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(time: str | None) -> str:
    """`4 min ago`."""
    if time is None:
        return "–"
    seconds = max(0, round((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def joined(parts: Iterable[str]) -> str:
    """The parts that are not empty, with dots between."""
    return " · ".join(part for part in parts if part)
