"""From bytes to passages."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.contexts.documents.recipe import CHUNK_TOKENS
from apps.contexts.exceptions import UnreadableDocument
from workers.batch.chunking import cut, title_of
from workers.batch.loading import MARKDOWN, load_text
from workers.batch.sections import Section, sections

MANUAL = """Preface.

# Manual

Intro.

## Install

```sh
# not a heading
make demo
```

## Use ##

Run it.
"""


def test_sections_follow_the_headings_and_cover_the_text():
    found = sections(MANUAL)
    assert [section.headings for section in found] == [
        (),
        ("Manual",),
        ("Manual", "Install"),
        ("Manual", "Use"),
    ]
    assert "".join(MANUAL[section.start : section.end] for section in found) == MANUAL


def test_a_heading_closes_the_deeper_ones():
    text = "# A\n### B\n## C\n"
    assert [section.headings for section in sections(text)] == [("A",), ("A", "B"), ("A", "C")]


def test_small_sections_share_a_passage_with_the_headings_they_share():
    [passage] = cut(MANUAL, "Manual", MARKDOWN)
    assert passage.heading == "Manual"
    assert passage.text == MANUAL


def test_big_sections_stand_alone_under_their_headings():
    text = "# Manual\n\n## One\n\n" + "alpha beta. " * 100 + "\n\n## Two\n\n" + "gamma delta. " * 100
    headings = list(dict.fromkeys(passage.heading for passage in cut(text, "Manual", MARKDOWN)))
    assert headings == ["Manual", "Manual › One", "Manual › Two"]


@given(st.text(st.sampled_from("ab .\n#`é漢😀\t"), max_size=3_000), st.sampled_from([MARKDOWN, "text/plain"]))
def test_every_passage_is_its_span_of_the_text(text, media_type):
    passages = cut(text, "T", media_type)
    assert all(text[passage.start : passage.end] == passage.text for passage in passages)
    assert all(one.end <= other.start for one, other in pairwise(passages))
    inside = "".join(passage.text for passage in passages)
    assert "".join(inside.split()) == "".join(text.split())


def test_passages_are_small_enough_and_named_by_what_is_embedded():
    passages = cut("The quick brown fox jumps over the lazy dog. " * 200, "Fox", "text/plain")
    assert len(passages) > 10
    assert all(passage.tokens <= CHUNK_TOKENS + 1 for passage in passages)
    assert passages[0].digest == hashlib.sha256(f"Fox\n{passages[0].text}".encode()).digest()


def test_a_title_is_the_first_heading_or_the_file_s_name():
    assert title_of(MANUAL, "docs/manual.md", MARKDOWN) == "Manual"
    assert title_of("no heading", "docs/manual.md", MARKDOWN) == "manual"
    assert title_of(MANUAL, "notes.txt", "text/plain") == "notes"


def test_line_ends_are_made_one():
    assert load_text(b"a\r\nb\rc\n", "text/plain") == "a\nb\nc\n"


def test_byte_order_marks_say_the_encoding():
    assert load_text(b"\xef\xbb\xbfa", "text/plain") == "a"
    assert load_text("é".encode("utf-16"), "text/plain") == "é"


@pytest.mark.parametrize(
    ("data", "media_type", "code"),
    [
        (b"\xff\xfa", "text/plain", "wrong_encoding"),
        (b"a\x00b", "text/plain", "not_text"),
        (b" \n ", "text/plain", "empty_document"),
        (b"%PDF-1.7", "application/pdf", "unsupported_media_type"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(data, media_type, code):
    with pytest.raises(UnreadableDocument) as caught:
        load_text(data, media_type)
    assert caught.value.code == code


def test_a_text_without_headings_is_one_section():
    assert sections("plain") == [Section(0, 5, ())]
