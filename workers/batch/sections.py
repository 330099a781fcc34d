"""The sections of a Markdown text, by its headings; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Section:
    """The characters `start` to `end`, and the headings above them, the outermost first."""

    start: int
    end: int
    headings: tuple[str, ...]


def sections(text: str) -> list[Section]:
    """The whole text in order, cut before each heading; a `#` inside a code fence is none."""
    found: list[Section] = []
    start = 0
    path: tuple[str, ...] = ()
    for position, level, title in _headings(text):
        if position > start:
            found.append(Section(start, position, path))
        start, path = position, (*path[: level - 1], title)
    return [*found, Section(start, len(text), path)]


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    position, fence = 0, ""
    for line in text.splitlines(keepends=True):
        if mark := _FENCE.match(line):
            fence = _fence_after(fence, mark[1])
        elif not fence and (heading := _HEADING.match(line.rstrip("\n"))):
            yield position, len(heading[1]), heading[2]
        position += len(line)


def _fence_after(fence: str, mark: str) -> str:
    """The fence that is open behind this mark: a longer or equal one of the same kind closes it."""
    if not fence:
        return mark
    return "" if mark.startswith(fence) else fence
