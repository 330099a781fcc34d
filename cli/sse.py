"""Server-sent events out of a byte stream, after the HTML standard."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, its data, and its id when it has one. A comment is an event without a name."""

    name: str
    data: dict[str, Any]
    id: int | None = None


COMMENT = ServerEvent("", {})


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Events as they become complete; half an event at the end of a broken stream is dropped.

    Lines end at line feeds only: `str.splitlines` would also cut at U+2028, which JSON may contain as it is.
    """
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if line.startswith(":"):
            yield COMMENT
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            if "data" in fields:
                yield _event(fields)
            fields = {}


def _event(fields: dict[str, str]) -> ServerEvent:
    number = fields.get("id", "")
    return ServerEvent(
        name=fields.get("event", "message"),
        data=json.loads(fields["data"]),
        id=int(number) if number.isdigit() else None,
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
