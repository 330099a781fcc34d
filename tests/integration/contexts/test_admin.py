"""Contexts and documents in the admin."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.contexts.changes import Put
from apps.contexts.models import Context, Document, Entry, IngestJob, Version
from apps.contexts.services import commit_entries, set_label
from tests.integration.accounts.people import make_user
from tests.integration.contexts.ingesting import ingest_now, upload, work_off

EMPTY_INLINES = {
    f"{prefix}-{name}": "0"
    for prefix in ("entries", "versions", "labels", "chunks", "revisions")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}
NO_ENTRY = {"key": "", "content": "", "kind": "fact", "source": "developer", "message": ""}


@pytest.fixture
def staff(db: None, client: Client) -> Client:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def page(name: str, *args) -> str:
    return reverse(f"admin:contexts_{name}", args=args)


@pytest.mark.parametrize("name", ["context", "entry", "document", "ingestjob"])
def test_lists_open_and_search(staff, case, alice, name):
    commit_entries(case, [Put("greeting", "hello")], by=alice)
    ingest_now(case, upload("fox.txt", "The fox."))
    assert staff.get(page(f"{name}_changelist")).status_code == 200
    if name != "ingestjob":
        assert staff.get(page(f"{name}_changelist"), {"q": "case-42"}).status_code == 200


def test_the_tree_shows_what_is_where(staff, case, alice, django_assert_max_num_queries):
    commit_entries(case, [Put("a", "1"), Put("b", "2")], by=alice)
    ingest_now(case, upload("fox.txt", "The fox."), upload("dog.txt", "The dog."))
    with django_assert_max_num_queries(12):
        html = staff.get(page("context_changelist")).content.decode()
    for cell in ("<strong>case-42</strong>", "support/acme/", "@1"):
        assert cell in html


def test_a_context_page_shows_entries_versions_and_labels(staff, case, alice):
    commit_entries(case, [Put("greeting", "hello")], by=alice, message="Say hello")
    set_label(case, "production", version=1)
    html = staff.get(page("context_change", case.pk)).content.decode()
    for text in ("greeting", "Say hello", "production"):
        assert text in html
    entry = Entry.objects.get()
    assert "hello" in staff.get(page("entry_change", entry.pk)).content.decode()


def test_adding_a_context_with_its_first_entry(staff, workspace):
    form = {**NO_ENTRY, "workspace": workspace.pk, "path": "a/b", "description": "", "key": "tone", "content": "Warm."}
    answer = staff.post(page("context_add"), form)
    assert answer.status_code == 302
    context = Context.objects.get(path="a/b")
    assert context.parent is not None
    version = Version.objects.get(context=context)
    assert (version.number, version.author) == (1, "root@example.org")


def test_a_refused_path_is_told_and_nothing_is_saved(staff, workspace):
    answer = staff.post(page("context_add"), {**NO_ENTRY, "workspace": workspace.pk, "path": "No Way"}, follow=True)
    assert "lower-case letters" in answer.content.decode()
    assert not Context.objects.exists()


def test_saving_a_context_moves_and_commits(staff, case):
    form = {
        **NO_ENTRY,
        **EMPTY_INLINES,
        "path": "moved",
        "description": "New",
        "key": "k",
        "content": "v",
        "message": "m",
    }
    answer = staff.post(page("context_change", case.pk), form)
    assert answer.status_code == 302
    case.refresh_from_db()
    assert (case.path, case.description, case.last_version) == ("moved", "New", 1)


def test_a_whole_branch_of_the_tree_can_be_deleted_at_once(staff, workspace, support, acme, case):
    form = {"action": "delete_contexts", "_selected_action": [support.pk, acme.pk, case.pk]}
    assert staff.post(page("context_changelist"), form).status_code == 302
    assert not Context.objects.exists()


def test_uploading_a_file_starts_a_job(staff, case):
    file = SimpleUploadedFile("Guide.md", b"# The guide\n\nRead it.", content_type="application/octet-stream")
    answer = staff.post(page("document_add"), {"context": case.pk, "file": file, "name": ""})
    assert answer.status_code == 302
    work_off(IngestJob.objects.get())
    document = Document.objects.get()
    assert (document.name, document.title, document.state) == ("Guide.md", "The guide", "ready")
    html = staff.get(page("document_change", document.pk)).content.decode()
    assert "Read it." in html
    job = staff.get(page("ingestjob_change", IngestJob.objects.get().pk)).content.decode()
    assert "1 / 1" in job


def test_a_failed_document_says_why(staff, case):
    ingest_now(case, upload("bad.txt", b"\xff\xfa"))
    document = Document.objects.get()
    assert "wrong_encoding" in staff.get(page("document_change", document.pk)).content.decode()


def test_deleting_documents(staff, case):
    ingest_now(case, upload("fox.txt", "The fox."))
    form = {"action": "delete_documents", "_selected_action": [Document.objects.get().pk]}
    assert staff.post(page("document_changelist"), form).status_code == 302
    assert not Document.objects.exists()
