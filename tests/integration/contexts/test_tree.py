"""The tree of contexts."""

import uuid

import pytest

from apps.contexts.changes import Put
from apps.contexts.exceptions import (
    ContextCycle,
    ContextExists,
    ContextInUse,
    ContextNotFound,
    InvalidPath,
)
from apps.contexts.models import Branch, Context
from apps.contexts.selectors import context_by_id, context_by_path, effective_entries, reachable
from apps.contexts.services import (
    commit_entries,
    create_context,
    delete_context,
    ensure_context,
    move_context,
    set_label,
)


def paths(workspace) -> list[str]:
    return list(Context.objects.filter(workspace=workspace).order_by("path").values_list("path", flat=True))


def test_it_works(workspace):
    context = create_context(workspace.id, path="support/acme/case-42", description="A case")
    assert (context.path, context.name, context.description) == ("support/acme/case-42", "case-42", "A case")
    assert context.parent is not None
    assert context.parent.path == "support/acme"
    assert paths(workspace) == ["support", "support/acme", "support/acme/case-42"]
    assert [(branch.name, branch.head) for branch in context.branches.all()] == [("main", 0)]


def test_a_path_is_taken_once_in_a_workspace(workspace, stranger, case):
    with pytest.raises(ContextExists):
        create_context(workspace.id, path=case.path)
    assert create_context(stranger.id, path=case.path).workspace_id == stranger.id


def test_ensuring_finds_or_makes(workspace, case):
    assert ensure_context(workspace.id, path=case.path) == case
    assert ensure_context(workspace.id, path="new/one").path == "new/one"


def test_a_bad_path_is_refused_and_nothing_is_made(workspace):
    with pytest.raises(InvalidPath):
        create_context(workspace.id, path="support/Bad Name")
    assert paths(workspace) == []


def test_moving_takes_everything_below_along(workspace, acme, case):
    create_context(workspace.id, path="support/acme-two")
    moved = move_context(acme, path="archive/2026/acme")
    assert moved.path == "archive/2026/acme"
    assert moved.name == "acme"
    assert paths(workspace) == [
        "archive",
        "archive/2026",
        "archive/2026/acme",
        "archive/2026/acme/case-42",
        "support",
        "support/acme-two",
    ]
    assert context_by_path(workspace.id, "archive/2026/acme/case-42").id == case.id


def test_a_context_cannot_move_below_itself(workspace, support):
    with pytest.raises(ContextCycle):
        move_context(support, path="support/acme/support")
    assert paths(workspace) == ["support", "support/acme", "support/acme/case-42"]


def test_a_context_cannot_move_onto_another(workspace, case, support):
    with pytest.raises(ContextExists):
        move_context(case, path="support/acme")


def test_a_move_that_makes_a_path_too_long_is_refused(workspace, acme):
    create_context(workspace.id, path="support/acme/" + "/".join(["x" * 64] * 13))
    with pytest.raises(InvalidPath):
        move_context(acme, path="/".join(["y" * 64] * 4))


def test_a_context_with_children_stays(workspace, acme):
    with pytest.raises(ContextInUse) as caught:
        delete_context(acme)
    assert caught.value.details == {"referrers": ["context"]}


def test_deleting_takes_history_labels_and_documents(workspace, case, alice):
    version = commit_entries(case, [Put("k", "v")], by=alice)
    set_label(case, "production", version=version.number)
    delete_context(case)
    assert paths(workspace) == ["support", "support/acme"]
    assert not Branch.objects.filter(context_id=case.id).exists()


def test_another_workspace_finds_nothing(stranger, case):
    with pytest.raises(ContextNotFound):
        context_by_id(stranger.id, case.id)
    with pytest.raises(ContextNotFound):
        context_by_path(stranger.id, case.path)
    assert not Context.objects.filter(reachable(stranger.id, [case.id])).exists()


def test_a_context_reaches_those_above_and_below_and_no_siblings(workspace, acme, case, support):
    create_context(workspace.id, path="support/acme/case-42/notes")
    create_context(workspace.id, path="support/acme/case-421")
    create_context(workspace.id, path="support/zebra")
    found = Context.objects.filter(reachable(workspace.id, [case.id])).order_by("path")
    assert [context.path for context in found] == [
        "support",
        "support/acme",
        "support/acme/case-42",
        "support/acme/case-42/notes",
    ]
    assert not Context.objects.filter(reachable(workspace.id, [uuid.uuid4()])).exists()


def test_after_a_move_the_head_inherits_from_the_new_ancestors(workspace, support, acme, case, alice):
    commit_entries(support, [Put("from", "support")], by=alice)
    old = commit_entries(case, [Put("own", "x")], by=alice)
    move_context(case, path="case-42")
    case.refresh_from_db()
    assert [entry.key for entry in effective_entries(case)] == ["own"]
    assert [entry.key for entry in effective_entries(case, old.number)] == ["from", "own"]
