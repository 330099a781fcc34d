"""Opening what a reference leads to."""

import pytest

from apps.contexts.changes import Hide, Put
from apps.contexts.exceptions import InvalidReference, ReferenceNotFound
from apps.contexts.models import Document
from apps.contexts.references import MAX_WINDOW, WINDOW, open_reference
from apps.contexts.services import commit_entries, create_context
from tests.integration.contexts.ingesting import ingest_now, upload


def test_an_entry_is_read_as_its_version_wrote_it(workspace, case, alice):
    commit_entries(case, [Put("a#b", "old text", title="Title")], by=alice)
    commit_entries(case, [Put("a#b", "new text")], by=alice)
    passage = open_reference(workspace.id, f"ctx:{case.id}@1#a#b", allowed_context_ids=[case.id])
    assert (passage.title, passage.text, passage.start, passage.end, passage.total) == ("Title", "old text", 0, 8, 8)
    assert passage.next_start is None


def test_a_span_is_read_as_its_revision_was(workspace, case):
    ingest_now(case, upload("a", "Old words here."))
    document = Document.objects.get()
    ref = f"doc:{document.id}@1:4-9"
    ingest_now(case, upload("a", "Quite different."))
    passage = open_reference(workspace.id, ref, allowed_context_ids=[case.id])
    assert (passage.text, passage.start, passage.end, passage.total, passage.next_start) == ("words", 4, 9, 15, 9)


def test_a_reader_can_look_around_and_read_on(workspace, case):
    ingest_now(case, upload("a", "x" * 10_000))
    ref = f"doc:{Document.objects.get().id}@1:100-200"
    wide = open_reference(workspace.id, ref, allowed_context_ids=[case.id], start=0)
    assert (wide.start, wide.end, wide.next_start) == (0, WINDOW, WINDOW)
    rest = open_reference(workspace.id, ref, allowed_context_ids=[case.id], start=9_990, end=99_999)
    assert (rest.text, rest.next_start) == ("x" * 10, None)
    behind = open_reference(workspace.id, ref, allowed_context_ids=[case.id], start=50_000)
    assert (behind.text, behind.start) == ("", 10_000)


def test_one_opening_is_bounded(workspace, case, alice):
    commit_entries(case, [Put("long", "x" * (MAX_WINDOW + 5))], by=alice)
    passage = open_reference(workspace.id, f"ctx:{case.id}@1#long", allowed_context_ids=[case.id], end=10**9)
    assert (len(passage.text), passage.next_start) == (MAX_WINDOW, MAX_WINDOW)


def test_only_what_the_reader_s_contexts_reach_is_opened(workspace, stranger, support, case, alice):
    sibling = create_context(workspace.id, path="support/other")
    for context in (support, case, sibling):
        commit_entries(context, [Put("k", context.path)], by=alice)
    ingest_now(sibling, upload("a", "Secret."))
    for context in (support, case):
        ref = f"ctx:{context.id}@1#k"
        assert open_reference(workspace.id, ref, allowed_context_ids=[case.id]).text == context.path
    for ref in (f"ctx:{sibling.id}@1#k", f"doc:{Document.objects.get().id}@1:0-7"):
        with pytest.raises(ReferenceNotFound):
            open_reference(workspace.id, ref, allowed_context_ids=[case.id])
        with pytest.raises(ReferenceNotFound):
            open_reference(workspace.id, ref, allowed_context_ids=[])
        with pytest.raises(ReferenceNotFound):
            open_reference(stranger.id, ref, allowed_context_ids=[sibling.id])


def test_what_is_absent_or_hidden_is_not_found(workspace, case, alice):
    commit_entries(case, [Put("k", "v"), Hide("h")], by=alice)
    for end in ("@2#k", "@1#other", "@1#h", "@0#k"):
        with pytest.raises(ReferenceNotFound):
            open_reference(workspace.id, f"ctx:{case.id}{end}", allowed_context_ids=[case.id])


@pytest.mark.parametrize("ref", ["", "ctx:x@1#k", "doc:1:0-1", "http://example.org", "ctx:" + "0" * 36 + "@1#k", "\0"])
def test_other_shapes_are_refused(workspace, ref):
    with pytest.raises(InvalidReference):
        open_reference(workspace.id, ref, allowed_context_ids=[])
