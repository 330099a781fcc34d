"""From a text to passages: along Markdown's headings, then along the text's own structure (semchunk)."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Final, Protocol, cast

from semchunk.semchunk import chunkerify

from apps.contexts.assembly.printing import body, one_line
from apps.contexts.documents.recipe import CHUNK_TOKENIZER, CHUNK_TOKENS
from apps.contexts.documents.values import Passage
from apps.providers.tokens import count
from workers.batch.loading import MARKDOWN
from workers.batch.sections import Section, sections

_MAX_TITLE: Final = 300
_MAX_HEADING: Final = 500
_LONGEST_TOKEN: Final = 128
_tokens = partial(count, tokenizer=CHUNK_TOKENIZER)


class _Cutter(Protocol):
    def __call__(self, text: str, *, offsets: bool) -> tuple[list[str], list[tuple[int, int]]]: ...


def title_of(text: str, name: str, media_type: str) -> str:
    """The title a file gives itself: its first heading, else its name without folder and suffix."""
    if media_type == MARKDOWN:
        for section in sections(text):
            if section.headings:
                return section.headings[0][:_MAX_TITLE]
    return (PurePosixPath(name).stem or name)[:_MAX_TITLE]


def cut(text: str, title: str, media_type: str) -> tuple[Passage, ...]:
    """Passages of at most CHUNK_TOKENS tokens, in order; each one's text is `text[start:end]`."""
    whole = [Section(0, len(text), ())]
    parts = list(_merged(text, sections(text))) if media_type == MARKDOWN else whole
    return tuple(
        _passage(text, part.start + start, part.start + end, _heading(title, part.headings))
        for part in parts
        for start, end in _spans(text[part.start : part.end])
    )


def _merged(text: str, parts: Sequence[Section]) -> Iterator[Section]:
    """Neighbouring sections together while they fit into one passage; they keep the headings they share."""
    current, size = parts[0], _tokens(text[parts[0].start : parts[0].end])
    for part in parts[1:]:
        tokens = _tokens(text[part.start : part.end])
        if size + tokens <= CHUNK_TOKENS:
            headings = _shared(current.headings, part.headings)
            current, size = Section(current.start, part.end, headings), size + tokens
        else:
            yield current
            current, size = part, tokens
    yield current


def _shared(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(mine for mine, _ in pairs)


def _spans(text: str) -> list[tuple[int, int]]:
    _, offsets = _cutter()(text, offsets=True)
    return [(start, end) for start, end in offsets if text[start:end].strip()]


@cache
def _cutter() -> _Cutter:
    return cast("_Cutter", chunkerify(_tokens, CHUNK_TOKENS, max_token_chars=_LONGEST_TOKEN, memoize=False))


def _passage(text: str, start: int, end: int, heading: str) -> Passage:
    content = text[start:end]
    digest = hashlib.sha256(f"{heading}\n{content}".encode()).digest()
    return Passage(start, end, heading, content, digest, _tokens(body(content)))


def _heading(title: str, headings: Sequence[str]) -> str:
    """`Title › Section › Subsection`; a first heading that repeats the title is not repeated."""
    own = list(headings)
    if own and one_line(own[0]) == one_line(title):
        own = own[1:]
    return " › ".join(map(one_line, [title, *own]))[:_MAX_HEADING]
