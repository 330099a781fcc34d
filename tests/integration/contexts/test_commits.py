"""Commits: one version for many changes, and any version at any time."""

import json
from datetime import UTC, datetime

import pytest

from apps.contexts.changes import Author, Hide, Put, Remove
from apps.contexts.exceptions import EntryNotFound, InvalidChange, StaleVersion, VersionNotFound
from apps.contexts.kinds import ContentType, Source
from apps.contexts.models import FOREVER, Entry, Version
from apps.contexts.selectors import effective_entries, entry_written, head_number, head_versions
from apps.contexts.services import commit_entries, create_context
from apps.core import blobs
from apps.core.ids import new_id
from apps.core.models import Blob


def texts(context, version=None) -> dict[str, str]:
    entries = effective_entries(context, version)
    return {entry.key: blobs.load(context.workspace_id, entry.digest).decode() for entry in entries}


def test_it_works(case):
    run_id = new_id()
    version = commit_entries(
        case,
        [Put("greeting", "Hello"), Put("limits", {"b": 1.0, "a": [None]}, ContentType.JSON)],
        by=Author("agent", run_id, 3),
        message="First",
    )
    assert (version.number, version.parent, version.message, version.author) == (1, 0, "First", "agent")
    assert (version.run_id, version.step_n, version.changes) == (run_id, 3, 2)
    assert texts(case) == {"greeting": "Hello", "limits": '{"a":[null],"b":1}'}
    [greeting, _] = effective_entries(case)
    assert greeting.tokens == {"o200k_base": 2, "cl100k_base": 2}
    assert greeting.size == 5
    assert greeting.ref == f"ctx:{case.id}@1#greeting"


def test_a_commit_writes_only_what_changed(case, alice):
    commit_entries(case, [Put(f"k{n}", f"text {n}") for n in range(5)], by=alice)
    version = commit_entries(case, [Put("k0", "text 0"), Put("k1", "new"), Remove("k2")], by=alice)
    assert (version.number, version.parent, version.changes) == (2, 1, 2)
    rows = Entry.objects.filter(context=case).order_by("key", "valid_from")
    assert [(row.key, row.valid_from, row.valid_to) for row in rows] == [
        ("k0", 1, FOREVER),
        ("k1", 1, 2),
        ("k1", 2, FOREVER),
        ("k2", 1, 2),
        ("k3", 1, FOREVER),
        ("k4", 1, FOREVER),
    ]


def test_every_version_stays_readable(case, alice):
    commit_entries(case, [Put("a", "1"), Put("b", "1")], by=alice)
    commit_entries(case, [Put("a", "2"), Remove("b")], by=alice)
    commit_entries(case, [Put("b", "3")], by=alice)
    assert [texts(case, number) for number in (1, 2, 3)] == [{"a": "1", "b": "1"}, {"a": "2"}, {"a": "2", "b": "3"}]
    with pytest.raises(VersionNotFound):
        effective_entries(case, 4)


def test_reading_a_version_is_one_query_for_its_entries(case, alice, django_assert_num_queries):
    commit_entries(case, [Put("a", "1")], by=alice)
    with django_assert_num_queries(2):  # the version's row, then its entries
        effective_entries(case, 1)


def test_a_stale_write_is_refused_and_loses_nothing(case, alice):
    commit_entries(case, [Put("a", "1")], by=alice, expected_version=0)
    commit_entries(case, [Put("a", "2")], by=alice, expected_version=1)
    with pytest.raises(StaleVersion) as caught:
        commit_entries(case, [Put("a", "3")], by=alice, expected_version=1)
    assert caught.value.code == "stale_version"
    assert caught.value.details == {"expected_version": 1, "current_version": 2}
    assert texts(case) == {"a": "2"}
    assert Version.objects.filter(context=case).count() == 2


def test_changes_that_change_nothing_make_no_version(case, alice):
    first = commit_entries(case, [Put("a", "1", title="A")], by=alice)
    again = commit_entries(case, [Put("a", "1", title="A")], by=alice)
    assert again == first
    assert head_number(case) == 1
    assert commit_entries(case, [Put("a", "1", title="B")], by=alice).number == 2


def test_nothing_at_all_cannot_be_a_first_version(case, alice):
    with pytest.raises(InvalidChange) as caught:
        commit_entries(case, [], by=alice)
    assert caught.value.code == "nothing_to_commit"


def test_all_faults_are_named_and_nothing_is_written(case, alice):
    changes = [
        Put("", "x"),
        Put("ok", "half \ud800"),
        Put("ok", 7),
        Put("n", float("nan"), ContentType.JSON),
        Put("t", "x", title="\0"),
        Put("d", "no id", ContentType.DOCUMENT),
        Put("p", "x", priority=5_000),
    ]
    with pytest.raises(InvalidChange) as caught:
        commit_entries(case, changes, by=alice)
    assert sorted((fault.pointer, fault.code) for fault in caught.value.errors) == [
        ("/changes/0/key", "invalid_key"),
        ("/changes/1/content", "invalid_content"),
        ("/changes/2/content", "invalid_content"),
        ("/changes/2/key", "duplicate_key"),
        ("/changes/3/content", "invalid_content"),
        ("/changes/4/title", "invalid_title"),
        ("/changes/5/content", "invalid_content"),
        ("/changes/6/priority", "invalid_priority"),
    ]
    assert not Entry.objects.exists()
    assert not Version.objects.exists()


def test_removing_what_is_not_there_undoes_the_whole_commit(case, alice):
    with pytest.raises(EntryNotFound):
        commit_entries(case, [Put("a", "1"), Remove("b")], by=alice)
    assert effective_entries(case) == []
    assert head_number(case) == 0


def test_nul_and_any_character_survive(case, alice):
    commit_entries(case, [Put("odd", "a\0b\u2028😀")], by=alice)
    assert texts(case) == {"odd": "a\0b\u2028😀"}


def test_content_is_stored_once(workspace, case, acme, alice):
    commit_entries(case, [Put("a", "same"), Put("b", "same")], by=alice)
    commit_entries(acme, [Put("c", "same")], by=alice)
    assert Entry.objects.count() == 3
    assert Blob.objects.filter(workspace_id=workspace.id).count() == 1


def test_a_child_sees_its_ancestors_entries_unless_it_covers_or_hides_them(support, acme, case, alice):
    commit_entries(support, [Put("tone", "formal"), Put("hours", "9-17"), Put("sla", "24h")], by=alice)
    commit_entries(acme, [Put("tone", "warm")], by=alice)
    commit_entries(case, [Put("own", "x"), Hide("sla")], by=alice)
    assert texts(case) == {"hours": "9-17", "own": "x", "tone": "warm"}
    assert texts(support) == {"hours": "9-17", "sla": "24h", "tone": "formal"}
    commit_entries(case, [Remove("sla")], by=alice)
    assert texts(case)["sla"] == "24h"


def test_an_old_version_keeps_what_it_inherited_then(support, case, alice):
    commit_entries(support, [Put("tone", "formal")], by=alice)
    commit_entries(case, [Put("own", "1")], by=alice)
    commit_entries(support, [Put("tone", "warm")], by=alice)
    assert texts(case, 1) == {"own": "1", "tone": "formal"}
    assert texts(case) == {"own": "1", "tone": "warm"}


def test_head_versions_name_the_ancestors_too(support, acme, case, alice):
    commit_entries(support, [Put("tone", "formal")], by=alice)
    commit_entries(support, [Put("tone", "warm")], by=alice)
    assert head_versions([case.id]) == {case.id: 0, acme.id: 0, support.id: 2}


def test_a_written_entry_is_found_at_any_version_that_has_it(case, alice):
    commit_entries(case, [Put("a", "1")], by=alice)
    commit_entries(case, [Put("b", "1")], by=alice)
    assert entry_written(case.id, "a", 2).valid_from == 1
    with pytest.raises(EntryNotFound):
        entry_written(case.id, "b", 1)


def test_what_an_entry_says_about_itself_is_kept(case, alice):
    expiry = datetime(2030, 1, 1, tzinfo=UTC)
    put = Put(
        "a",
        "1",
        source=Source.TOOL,
        summary="one",
        priority=7,
        pinned=True,
        expires_at=expiry,
        provenance={"url": "https://example.org"},
    )
    commit_entries(case, [put], by=alice)
    [entry] = effective_entries(case)
    assert (entry.source, entry.summary, entry.priority, entry.pinned) == ("tool", "one", 7, True)
    assert (entry.expires_at, json.dumps(entry.provenance)) == (expiry, '{"url": "https://example.org"}')


def test_siblings_see_nothing_of_each_other(workspace, case, alice):
    sibling = create_context(workspace.id, path="support/acme/case-4")
    commit_entries(case, [Put("secret", "x")], by=alice)
    assert effective_entries(sibling) == []
