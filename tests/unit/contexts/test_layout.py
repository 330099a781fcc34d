"""Where chosen items stand, and the record of it."""

import orjson
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.contexts.assembly.candidates import Layer
from apps.contexts.assembly.layout import lay_out
from apps.contexts.assembly.manifest import read
from apps.contexts.assembly.packing import pack
from apps.contexts.assembly.rendering import render
from apps.contexts.kinds import Source
from tests.unit.contexts.candidates import candidate, candidates, count


def assembled(rows, budget=100_000):
    return lay_out(pack(rows, budget, {}, count), tokenizer="o200k_base", budget=budget)


def test_the_stable_region_is_ordered_by_layer_and_name_and_not_by_score():
    rows = [
        candidate("b", "bee", score=0.1),
        candidate("a", "ay", score=0.0),
        candidate("z", "zed", layer=Layer.PINNED, pinned=True),
        candidate("i", "Do.", layer=Layer.INSTRUCTIONS, pinned=True),
    ]
    assert assembled(rows).stable == "Do.\n\n## z\nzed\n\n## a\nay\n\n## b\nbee\n\n"


def test_the_best_of_the_tail_stand_at_its_edges_and_the_question_last():
    found = [
        candidate(f"p{n}", f"passage {n}", source=Source.RETRIEVAL, layer=Layer.TAIL, score=1 - n / 10)
        for n in range(5)
    ]
    question = candidate("question", "Why?", layer=Layer.QUESTION, pinned=True)
    tail = assembled([question, *found]).tail
    assert tail == "".join(f"## p{n}\npassage {n}\n\n" for n in (0, 2, 4, 3, 1)) + "Why?\n\n"


def test_the_manifest_says_why():
    rows = [candidate("a", "one"), candidate("b", "one"), candidate("c", "gone", omitted="expired")]
    manifest = assembled(rows).manifest
    assert [(item.ref, item.mode, item.reason, item.span) for item in manifest.items] == [
        ("ctx:a@1#a", "full", "selected", (0, 10))
    ]
    assert [(item.ref, item.mode, item.reason, item.span) for item in manifest.omitted] == [
        ("ctx:b@1#b", "omitted", "duplicate of ctx:a@1#a", None),
        ("ctx:c@1#c", "omitted", "expired", None),
    ]


@given(candidates(), st.integers(0, 800))
def test_every_byte_belongs_to_one_item_and_tokens_add_up(rows, budget):
    assume(sum(row.tokens + 30 for row in rows if row.pinned) <= budget)
    assembly = assembled(rows, budget)
    for region, stable in ((assembly.stable, True), (assembly.tail, False)):
        spans = [item.span for item in assembly.manifest.items if Layer(item.layer).is_stable is stable]
        edges = [0, *(end for _, end in spans)]
        assert [start for start, _ in spans] == edges[:-1]
        assert edges[-1] == len(region.encode())
    assert count(assembly.stable) + count(assembly.tail) <= assembly.tokens <= budget


def test_a_slash_that_joins_the_line_breaks_before_it_is_counted():
    headed = candidate("a", "/<", title=":")
    bare = [candidate(name, text, layer=Layer.INSTRUCTIONS) for name, text in (("b", "Do <"), ("c", "/<"))]
    for rows in ([headed], bare):
        assembly = assembled(rows)
        assert assembly.tokens >= count(assembly.stable)
    assert [item.tokens for item in assembled([headed]).manifest.items] == [count("## :\n/<\n\n")]


@given(candidates(), st.integers(0, 800))
def test_a_manifest_prints_the_same_bytes_again(rows, budget):
    assume(sum(row.tokens + 30 for row in rows if row.pinned) <= budget)
    assembly = assembled(rows, budget)
    texts = {row.digest.hex(): row.text for row in rows}
    summaries = {item.digest: "in short" for item in assembly.manifest.items if item.mode == "summary"}
    manifest = read(assembly.manifest.data, fetch=texts.__getitem__)
    rendering = render(manifest, lambda item: (texts | summaries)[item.digest])
    assert manifest == assembly.manifest
    assert (rendering.stable, rendering.tail) == (assembly.stable, assembly.tail)


@given(candidates(max_size=8))
def test_its_bytes_are_canonical_json(rows):
    assume(not any(row.pinned for row in rows))
    data = assembled(rows).manifest.data
    assert rfc8785.dumps(orjson.loads(data)) == data
