"""Choosing what goes into a prompt."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.contexts.assembly.candidates import TIERS, Layer
from apps.contexts.assembly.packing import pack
from apps.contexts.exceptions import PinsDoNotFit
from apps.contexts.kinds import Source
from tests.unit.contexts.candidates import candidate, candidates, count

LONG = "word " * 400


def test_it_works():
    packing = pack([candidate("a", "alpha"), candidate("b", "beta")], 100, {}, count)
    assert [(item.candidate.order, item.mode, item.text, item.reason) for item in packing.placed] == [
        ("a", "full", "## a\nalpha\n\n", "selected"),
        ("b", "full", "## b\nbeta\n\n", "selected"),
    ]
    assert packing.omitted == ()


def test_pins_that_do_not_fit_are_named():
    pins = [candidate("big", LONG, pinned=True), candidate("small", "x", pinned=True)]
    with pytest.raises(PinsDoNotFit) as caught:
        pack([*pins, candidate("free", "y")], 50, {}, count)
    assert caught.value.details == {
        "needed": 409,
        "budget": 50,
        "offenders": [{"ref": "ctx:big@1#big", "tokens": 404}, {"ref": "ctx:small@1#small", "tokens": 5}],
    }


def test_a_lower_tier_never_takes_what_a_higher_one_could_use():
    low = candidate("low", "good " * 20, source=Source.RETRIEVAL, score=1.0)
    high = candidate("high", "fine " * 20, source=Source.DEVELOPER, score=0.0, priority=-5)
    packing = pack([low, high], 30, {}, count)
    assert [item.candidate.order for item in packing.placed] == ["high"]
    assert [(out.candidate.order, out.reason) for out in packing.omitted] == [("low", "budget")]


def test_of_equal_texts_the_higher_tier_stays():
    copies = [candidate("found", "same", source=Source.RETRIEVAL), candidate("said", "same", source=Source.SYSTEM)]
    packing = pack(copies, 100, {}, count)
    assert [item.candidate.order for item in packing.placed] == ["said"]
    assert [out.reason for out in packing.omitted] == ["duplicate of ctx:said@1#said"]


def test_a_big_item_shrinks_to_its_summary():
    packing = pack([candidate("a", LONG, summary="many words")], 60, {}, count)
    assert [(item.mode, item.text, item.reason) for item in packing.placed] == [
        ("summary", "## a\nmany words\n\n", "budget")
    ]


def test_a_big_item_without_summary_becomes_a_stub_that_can_be_opened():
    packing = pack([candidate("a", LONG, title="Long\nstory")], 60, {}, count)
    assert [(item.mode, item.text) for item in packing.placed] == [
        ("stub", "- Long story (401 tokens, open_reference ctx:a@1#a)\n\n")
    ]


def test_a_share_caps_one_mount_and_not_the_others():
    mine = [candidate(f"m{n}", f"text {n} " * 10, group="m") for n in range(5)]
    other = candidate("other", "else " * 10, group="o")
    packing = pack([*mine, other], 200, {"m": 0.2}, count)
    spent = sum(item.tokens for item in packing.placed if item.candidate.group == "m")
    assert 0 < spent <= 40
    assert {out.reason for out in packing.omitted} == {"share"}
    assert "other" in {item.candidate.order for item in packing.placed}


def test_what_was_ruled_out_stays_out_with_its_reason():
    packing = pack([candidate("old", "text", omitted="expired", pinned=True)], 100, {}, count)
    assert packing.placed == ()
    assert [out.reason for out in packing.omitted] == ["expired"]


def pinned_tokens(rows) -> int:
    pins = {row.content: row for row in rows if row.pinned}
    return sum(row.tokens + 30 for row in pins.values())


@given(candidates(), st.integers(0, 600))
def test_pins_are_refused_only_when_they_are_too_large(rows, budget):
    pins = [row for row in rows if row.pinned]
    needed = sum(item.tokens for item in pack(pins, 100_000, {}, count).placed)
    if needed > budget:
        with pytest.raises(PinsDoNotFit):
            pack(rows, budget, {}, count)
    else:
        assert [item.mode for item in pack(pins, budget, {}, count).placed] == ["full"] * len({p.content for p in pins})


@given(candidates(), st.integers(0, 600), st.floats(0, 1))
def test_the_budget_holds_and_every_pin_is_in(rows, budget, share):
    assume(pinned_tokens(rows) <= budget)
    packing = pack(rows, budget, {"a": share}, count)
    assert sum(item.tokens for item in packing.placed) <= budget
    printed = {item.candidate.content: item.mode for item in packing.placed}
    assert all(printed[row.content] == "full" for row in rows if row.pinned)
    assert len(packing.placed) + len(packing.omitted) == len(rows)


@given(candidates(), st.integers(0, 600), st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(rows, budget, shuffler: random.Random):
    assume(pinned_tokens(rows) <= budget)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert pack(shuffled, budget, {"a": 0.5}, count) == pack(rows, budget, {"a": 0.5}, count)


@given(candidates(), st.integers(0, 600))
def test_tiers_are_lexicographic(rows, budget):
    """What a tier gets does not depend on the tiers below it."""
    rows = [row for row in rows if not row.pinned]
    whole = pack(rows, budget, {}, count)
    for tier in set(TIERS.values()):
        upper = [row for row in rows if TIERS[row.source] <= tier]
        alone = pack(upper, budget, {}, count)
        assert [item for item in whole.placed if TIERS[item.candidate.source] <= tier] == list(alone.placed)


def test_instructions_stand_without_heading():
    packing = pack([candidate("i", "Be brief.", layer=Layer.INSTRUCTIONS, pinned=True)], 100, {}, count)
    assert packing.placed[0].text == "Be brief.\n\n"
