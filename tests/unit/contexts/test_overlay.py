"""How a child's entries cover its ancestors'."""

import uuid

from apps.contexts.entries import EntryView, overlay
from apps.contexts.pins import Pin

CHILD, PARENT = Pin(uuid.UUID(int=1), 1), Pin(uuid.UUID(int=2), 1)


def entry(pin: Pin, key: str, *, hidden: bool = False) -> EntryView:
    return EntryView(
        id=uuid.uuid4(),
        context_id=pin.branch_id,
        branch_id=pin.branch_id,
        key=key,
        title="",
        kind="fact",
        source="user",
        content_type="text",
        digest=b"",
        size=0,
        summary="",
        hidden=hidden,
        priority=0,
        pinned=False,
        trust="normal",
        expires_at=None,
        tokens={},
        provenance={},
        document_id=None,
        valid_from=1,
        valid_to=2,
    )


def test_the_nearest_wins_and_keys_are_sorted():
    rows = [entry(PARENT, "b"), entry(PARENT, "a"), entry(CHILD, "b")]
    assert [(row.key, row.branch_id) for row in overlay((CHILD, PARENT), rows)] == [
        ("a", PARENT.branch_id),
        ("b", CHILD.branch_id),
    ]


def test_a_hidden_entry_hides_the_ones_behind_it():
    assert overlay((CHILD, PARENT), [entry(PARENT, "a"), entry(CHILD, "a", hidden=True)]) == []


def test_what_an_ancestor_hides_the_child_can_show_again():
    rows = [entry(PARENT, "a", hidden=True), entry(CHILD, "a")]
    assert [row.branch_id for row in overlay((CHILD, PARENT), rows)] == [CHILD.branch_id]


def test_a_row_is_seen_from_its_first_version_until_its_last():
    row = entry(CHILD, "a")
    assert [row.is_valid_at(Pin(CHILD.branch_id, number)) for number in (0, 1, 2)] == [False, True, False]
    assert not row.is_valid_at(Pin(PARENT.branch_id, 1))
