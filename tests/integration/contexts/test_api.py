"""Contexts and documents over REST."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.accounts.models import Workspace
from apps.accounts.permissions import Role
from apps.contexts.models import Document, IngestJob
from apps.contexts.services import create_context, set_label
from tests.integration.accounts.people import browser, join, make_user
from tests.integration.contexts.ingesting import ingest_now, upload, work_off

PUT = {"op": "put", "key": "tone", "content": "warm"}


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    bob = make_user("bob")
    join(workspace, bob, Role.BUILDER)
    return browser(bob, workspace)


@pytest.fixture
def viewer(workspace: Workspace) -> APIClient:
    victor = make_user("victor")
    join(workspace, victor, Role.VIEWER)
    return browser(victor, workspace)


@pytest.fixture
def outsider(stranger: Workspace) -> APIClient:
    charlie = make_user("charlie")
    join(stranger, charlie, Role.OWNER)
    return browser(charlie, stranger)


def test_it_works(client):
    made = client.post("/api/v1/contexts", {"path": "support/acme", "description": "Acme"})
    assert made.status_code == 201
    context = made.json()
    assert (context["path"], context["head"], context["description"]) == ("support/acme", 0, "Acme")
    base = f"/api/v1/contexts/{context['id']}"

    commit = client.post(
        f"{base}/commits",
        {
            "message": "First",
            "expected_version": 0,
            "changes": [PUT, {**PUT, "key": "n", "content": [1], "content_type": "json"}],
        },
    )
    assert commit.status_code == 201
    assert {name: commit.json()[name] for name in ("number", "parent", "message", "branch", "changes")} == {
        "number": 1,
        "parent": 0,
        "message": "First",
        "branch": "main",
        "changes": 2,
    }
    entries = client.get(f"{base}/entries").json()
    assert [(entry["key"], entry["version"]) for entry in entries["data"]] == [("n", 1), ("tone", 1)]
    assert all("content" not in entry for entry in entries["data"])
    assert client.get(f"{base}/entries/tone").json()["content"] == "warm"
    assert client.get(f"{base}/entries/n").json()["content"] == [1]
    assert client.get(base).json()["head"] == 1


def test_a_stale_commit_answers_409_and_changes_nothing(client, case):
    base = f"/api/v1/contexts/{case.id}/commits"
    assert client.post(base, {"changes": [PUT], "expected_version": 0}).status_code == 201
    stale = client.post(base, {"changes": [{**PUT, "content": "cold"}], "expected_version": 0})
    assert stale.status_code == 409
    assert stale.json()["code"] == "stale_version"
    assert client.get(f"/api/v1/contexts/{case.id}/entries/tone").json()["content"] == "warm"


def test_a_repeated_commit_with_the_same_key_is_one_version(client, case):
    base = f"/api/v1/contexts/{case.id}/commits"
    answers = [
        client.post(base, {"changes": [PUT], "expected_version": 0}, HTTP_IDEMPOTENCY_KEY="once") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(client.get(f"/api/v1/contexts/{case.id}/versions").json()["data"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"op": "put", "key": "k"}, "/changes/0/content"),
        ({"op": "remove", "key": "k", "content": "x"}, "/changes/0/content"),
        ({"op": "eat", "key": "k"}, "/changes/0/op"),
        ({"op": "put", "key": " k", "content": "x"}, "/changes/0/key"),
        ({"op": "put", "key": "k", "content": 5}, "/changes/0/content"),
        ({"op": "put", "key": "k", "content": "x", "priority": 9_999}, "/changes/0/priority"),
        ({"op": "put", "key": "k", "content": "x", "colour": "red"}, "/changes/0/colour"),
    ],
)
def test_a_wrong_change_is_named(client, case, change, pointer):
    answer = client.post(f"/api/v1/contexts/{case.id}/commits", {"changes": [change]})
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert client.get(f"/api/v1/contexts/{case.id}").json()["head"] == 0


def test_old_versions_are_read_by_number(client, case):
    base = f"/api/v1/contexts/{case.id}"
    for content in ("one", "two"):
        client.post(f"{base}/commits", {"changes": [{**PUT, "content": content}]})
    assert client.get(f"{base}/entries/tone?version=1").json()["content"] == "one"
    assert client.get(f"{base}/entries/tone").json()["content"] == "two"
    assert client.get(f"{base}/entries?version=3").json()["code"] == "version_not_found"
    versions = client.get(f"{base}/versions?limit=1").json()
    assert ([version["number"] for version in versions["data"]], versions["has_more"]) == ([2], True)
    assert client.get(f"{base}/versions/1").json()["parent"] == 0
    assert client.get(f"{base}/versions/9").status_code == 404


def test_entries_of_ancestors_are_listed_with_their_place(client, support, case):
    client.post(f"/api/v1/contexts/{support.id}/commits", {"changes": [PUT]})
    [entry] = client.get(f"/api/v1/contexts/{case.id}/entries").json()["data"]
    assert (entry["key"], entry["context_id"]) == ("tone", str(support.id))
    assert client.get(f"/api/v1/contexts/{case.id}/entries?own=true").json()["data"] == []


def test_keys_may_hold_slashes_and_the_list_is_paged_by_key(client, case):
    changes = [{**PUT, "key": f"docs/a b/{n}?#"} for n in range(3)]
    client.post(f"/api/v1/contexts/{case.id}/commits", {"changes": changes})
    base = f"/api/v1/contexts/{case.id}/entries"
    assert client.get(f"{base}/docs/a%20b/1%3F%23").json()["key"] == "docs/a b/1?#"
    first = client.get(f"{base}?limit=2").json()
    rest = client.get(f"{base}?limit=2&cursor={first['next_cursor']}").json()
    assert [entry["key"] for entry in first["data"] + rest["data"]] == [change["key"] for change in changes]


def test_labels_move_and_protected_ones_do_not_for_builders(client, workspace, case):
    base = f"/api/v1/contexts/{case.id}"
    for content in ("one", "two"):
        client.post(f"{base}/commits", {"changes": [{**PUT, "content": content}]})
    assert client.put(f"{base}/labels/production", {"version": 1, "protected": True}).json() == {
        "name": "production",
        "version": 1,
        "protected": True,
    }
    assert client.put(f"{base}/labels/production", {"version": 2}).json()["code"] == "label_protected"
    assert client.delete(f"{base}/labels/production").status_code == 409
    alice = make_user("alice")
    join(workspace, alice, Role.OWNER)
    owner = browser(alice, workspace)
    assert owner.put(f"{base}/labels/production", {"version": 2}).json()["version"] == 2
    assert client.get(f"{base}/labels").json()["data"] == [{"name": "production", "version": 2, "protected": True}]
    assert client.put(f"{base}/labels/Bad Name", {"version": 1}).json()["code"] == "invalid_label"
    assert client.put(f"{base}/labels/other", {"version": 7}).status_code == 404
    assert client.get(f"{base}/versions/2").json()["labels"] == ["production"]
    assert owner.delete(f"{base}/labels/production").status_code == 204


def test_the_tree_is_filtered_moved_and_pruned(client, workspace, case, support):
    listed = client.get("/api/v1/contexts").json()["data"]
    assert [context["path"] for context in listed] == ["support", "support/acme", "support/acme/case-42"]
    assert [row["path"] for row in client.get("/api/v1/contexts?root=true").json()["data"]] == ["support"]
    assert len(client.get("/api/v1/contexts?below=support/acme").json()["data"]) == 2
    assert len(client.get(f"/api/v1/contexts?parent_id={support.id}").json()["data"]) == 1
    moved = client.patch(f"/api/v1/contexts/{case.id}", {"path": "archive/case-42", "description": "Old"})
    assert (moved.json()["path"], moved.json()["description"]) == ("archive/case-42", "Old")
    assert client.patch(f"/api/v1/contexts/{support.id}", {"path": "support/x"}).json()["code"] == "context_cycle"
    assert client.delete(f"/api/v1/contexts/{support.id}").json()["code"] == "context_in_use"
    assert client.delete(f"/api/v1/contexts/{case.id}").status_code == 204
    assert client.post("/api/v1/contexts", {"path": "support"}).status_code == 409
    assert client.post("/api/v1/contexts", {"path": "No Way"}).json()["code"] == "invalid_path"


def test_a_document_goes_in_as_text_and_comes_out_in_parts(client, case, django_capture_on_commit_callbacks):
    body = {
        "context_id": str(case.id),
        "name": "refunds.md",
        "text": "# Refunds\n\nIn 14 days.",
        "media_type": "text/markdown",
    }
    with django_capture_on_commit_callbacks() as rung:
        answer = client.post("/api/v1/documents", body)
    assert answer.status_code == 202
    assert len(rung) == 1
    document, job = answer.json()["document"], answer.json()["job"]
    assert (document["state"], job["state"], job["total"]) == ("pending", "queued", 1)
    assert answer.headers["Location"].endswith(f"/api/v1/ingest-jobs/{job['id']}")
    not_ready = client.get(f"/api/v1/documents/{document['id']}/text")
    assert (not_ready.status_code, not_ready.json()["code"]) == (404, "document_not_ready")

    work_off(IngestJob.objects.get())
    document = client.get(f"/api/v1/documents/{document['id']}").json()
    assert (document["state"], document["title"], document["chunk_count"]) == ("ready", "Refunds", 1)
    assert "text" not in document
    text = client.get(f"/api/v1/documents/{document['id']}/text?start=2&end=9").json()
    assert (text["text"], text["total"], text["next_start"]) == ("Refunds", 22, 9)
    job = client.get(answer.headers["Location"]).json()
    assert (job["state"], job["done"], job["eta_s"]) == ("finished", 1, 0.0)
    assert job["rate_per_s"] > 0
    assert client.delete(f"/api/v1/documents/{document['id']}").status_code == 204
    assert not Document.objects.exists()


def test_a_document_goes_in_as_a_file(client, case):
    file = SimpleUploadedFile("notes.txt", b"Some notes.", content_type="text/plain")
    answer = client.post("/api/v1/documents", {"context_id": str(case.id), "file": file}, format="multipart")
    assert answer.status_code == 202
    work_off(IngestJob.objects.get())
    assert Document.objects.values_list("name", "title", "state", "size").get() == ("notes.txt", "notes", "ready", 11)


def test_a_job_tells_what_became_of_each_document(client, case):
    documents = [{"name": "good", "text": "Text."}, {"name": "empty", "text": " "}]
    answer = client.post("/api/v1/ingest-jobs", {"context_id": str(case.id), "documents": documents})
    assert answer.status_code == 202
    work_off(IngestJob.objects.get())
    base = f"/api/v1/ingest-jobs/{answer.json()['id']}"
    assert {name: client.get(base).json()[name] for name in ("state", "done", "failed", "chunks")} == {
        "state": "finished",
        "done": 1,
        "failed": 1,
        "chunks": 1,
    }
    [failed] = client.get(f"{base}/items?state=failed").json()["data"]
    assert (failed["name"], failed["reason"], failed["attempts"]) == ("empty", "empty_document", 1)
    assert len(client.get(f"{base}/items").json()["data"]) == 2
    assert [job["id"] for job in client.get("/api/v1/ingest-jobs?state=finished").json()["data"]] == [
        answer.json()["id"]
    ]


def test_searching_a_context(client, case):
    ingest_now(case, upload("refunds", "Refunds take fourteen days."), upload("other", "Shipping is free."))
    answer = client.get(f"/api/v1/contexts/{case.id}/search", {"q": "how long do refunds take?", "limit": 1})
    assert answer.status_code == 200
    [hit] = answer.json()["data"]
    assert (hit["title"], hit["text"], hit["text_rank"]) == ("refunds", "Refunds take fourteen days.", 1)
    assert client.get(f"/api/v1/contexts/{case.id}/search").status_code == 422
    assert client.get(f"/api/v1/contexts/{case.id}/search?q=x&limit=0").status_code == 422


def test_assembling_without_a_model(client, case):
    client.post(f"/api/v1/contexts/{case.id}/commits", {"changes": [PUT]})
    ingest_now(case, upload("refunds", "Refunds take fourteen days."))
    body = {
        "budget_tokens": 500,
        "mounts": [{"context_id": str(case.id)}],
        "instructions": "Be brief.",
        "query": "refunds",
        "question": "When?",
    }
    answer = client.post("/api/v1/contexts/assemble", body)
    assert answer.status_code == 200
    assert answer.json()["stable"] == "Be brief.\n\n## tone\nwarm\n\n"
    assert answer.json()["tail"] == "## refunds\nRefunds take fourteen days.\n\nWhen?\n\n"
    manifest = answer.json()["manifest"]
    assert [item["source"] for item in manifest["items"]] == ["system", "user", "retrieval", "user"]
    refused = client.post("/api/v1/contexts/assemble", {**body, "budget_tokens": 3})
    assert (refused.status_code, refused.json()["code"]) == (422, "pins_do_not_fit")
    foreign = client.post("/api/v1/contexts/assemble", {**body, "mounts": [{"context_id": str(uuid.uuid4())}]})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "context_not_found")


def test_a_viewer_reads_and_writes_nothing(viewer, case):
    base = f"/api/v1/contexts/{case.id}"
    assert viewer.get(f"{base}/entries").status_code == 200
    refused = [
        viewer.post("/api/v1/contexts", {"path": "x"}),
        viewer.patch(base, {"description": "x"}),
        viewer.delete(base),
        viewer.post(f"{base}/commits", {"changes": [PUT]}),
        viewer.put(f"{base}/labels/x", {"version": 1}),
        viewer.post("/api/v1/documents", {}),
        viewer.post("/api/v1/ingest-jobs", {}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 7


def test_another_workspace_sees_nothing(outsider, case):
    ingest_now(case, upload("a", "Text."))
    document, job = Document.objects.get(), IngestJob.objects.get()
    base = f"/api/v1/contexts/{case.id}"
    gone = [
        outsider.get(base),
        outsider.patch(base, {"description": "x"}),
        outsider.delete(base),
        outsider.get(f"{base}/entries"),
        outsider.get(f"{base}/entries/tone"),
        outsider.get(f"{base}/versions"),
        outsider.get(f"{base}/versions/1"),
        outsider.post(f"{base}/commits", {"changes": [PUT]}),
        outsider.put(f"{base}/labels/x", {"version": 1}),
        outsider.delete(f"{base}/labels/x"),
        outsider.get(f"{base}/labels"),
        outsider.get(f"{base}/search?q=text"),
        outsider.get(f"/api/v1/ingest-jobs/{job.id}/items"),
        outsider.get(f"/api/v1/documents/{document.id}"),
        outsider.get(f"/api/v1/documents/{document.id}/text"),
        outsider.delete(f"/api/v1/documents/{document.id}"),
        outsider.get(f"/api/v1/ingest-jobs/{job.id}"),
        outsider.post("/api/v1/documents", {"context_id": str(case.id), "name": "x", "text": "y"}),
        outsider.post("/api/v1/ingest-jobs", {"context_id": str(case.id), "documents": [{"name": "x", "text": "y"}]}),
    ]
    assert [answer.status_code for answer in gone] == [404] * len(gone)
    empty = [
        outsider.get("/api/v1/contexts"),
        outsider.get("/api/v1/documents"),
        outsider.get("/api/v1/ingest-jobs"),
    ]
    assert [answer.json()["data"] for answer in empty] == [[], [], []]
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    "path",
    ["contexts/nonsense", "contexts/nonsense/entries", "contexts/nonsense/labels/x", "documents/x", "ingest-jobs/x"],
)
def test_ids_that_are_none_answer_404(client, path):
    assert client.get(f"/api/v1/{path}").status_code in (404, 405)


def test_a_label_goes_with_its_context_only(client, workspace, case):
    other = create_context(workspace.id, path="other")
    client.post(f"/api/v1/contexts/{case.id}/commits", {"changes": [PUT]})
    set_label(case, "production", version=1)
    assert client.get(f"/api/v1/contexts/{other.id}/labels").json()["data"] == []
