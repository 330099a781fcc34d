"""Documents on their way to being searchable."""

import pytest
from django.db.models.functions import Now

from apps.contexts.documents import progress
from apps.contexts.documents.progress import LeaseLost, claim_items, publish, ring_stalled_jobs
from apps.contexts.documents.services import delete_document, ingest
from apps.contexts.documents.values import Prepared
from apps.contexts.models import Chunk, Document, DocumentRevision, IngestItem, IngestJob
from apps.contexts.services import create_context
from apps.core import blobs
from apps.core.exceptions import InvalidInput
from tests.integration.contexts.ingesting import ingest_now, upload, work_off
from workers.batch.pipeline import advance_ingest

FOX = "The quick brown fox jumps over the lazy dog. "


def counts(job: IngestJob) -> tuple[str, int, int, int, int]:
    return job.state, job.total, job.done, job.skipped, job.failed


def chunk_ids(document: Document) -> set:
    return set(document.chunks.values_list("id", flat=True))


def test_it_works(case):
    job = ingest_now(
        case, upload("fox.txt", FOX * 60), upload("manual.md", "# Manual\n\nRun it.", media_type="text/markdown")
    )
    assert counts(job) == ("finished", 2, 2, 0, 0)
    assert job.started_at is not None
    assert job.finished_at is not None
    fox, manual = Document.objects.order_by("name")
    assert (fox.title, fox.state, fox.revision, fox.chunk_count) == ("fox", "ready", 1, 4)
    assert (manual.title, manual.chunk_count) == ("Manual", 1)
    assert job.chunks == 5
    text = blobs.load(case.workspace_id, DocumentRevision.objects.get(document=fox).text_digest).decode()
    chunks = list(fox.chunks.order_by("n"))
    assert [chunk.n for chunk in chunks] == [0, 1, 2, 3]
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert {(chunk.embedding_model, len(chunk.embedding)) for chunk in chunks} == {("hash", 384)}
    assert fox.token_count == sum(chunk.tokens for chunk in chunks)


def test_unchanged_documents_are_skipped_without_a_worker(case):
    ingest_now(case, upload("a", FOX), upload("b", FOX * 2))
    before = set(Chunk.objects.values_list("id", flat=True))
    job = ingest(case, [upload("a", FOX), upload("b", FOX * 2)])
    assert counts(job) == ("finished", 2, 0, 2, 0)
    assert {item.reason for item in job.items.all()} == {"unchanged"}
    assert set(Chunk.objects.values_list("id", flat=True)) == before


def test_only_changed_documents_are_done_again(case):
    ingest_now(case, upload("a", FOX), upload("b", "Old text."))
    kept = chunk_ids(Document.objects.get(name="a"))
    job = ingest_now(case, upload("a", FOX), upload("b", "New text."))
    assert counts(job) == ("finished", 2, 1, 1, 0)
    assert chunk_ids(Document.objects.get(name="a")) == kept
    changed = Document.objects.get(name="b")
    assert changed.revision == 2
    assert [chunk.text for chunk in changed.chunks.all()] == ["New text."]
    assert changed.revisions.count() == 2


def test_another_embedding_model_makes_unchanged_files_worth_it(case, settings):
    ingest_now(case, upload("a", FOX))
    settings.CEF_EMBEDDER = "minilm"
    job = ingest(case, [upload("a", FOX)])
    assert counts(job) == ("queued", 1, 0, 0, 0)


def test_readers_keep_the_old_text_until_the_new_one_is_ready(case):
    ingest_now(case, upload("a", "Old text."))
    job = ingest(case, [upload("a", "New text.")])
    [item] = claim_items(job.id)
    document = Document.objects.get()
    assert (document.state, document.revision) == ("ready", 1)
    assert [chunk.text for chunk in document.chunks.all()] == ["Old text."]
    IngestItem.objects.filter(pk=item.pk).update(leased_until=Now())
    assert counts(work_off(job)) == ("finished", 1, 1, 0, 0)
    assert [chunk.text for chunk in document.chunks.all()] == ["New text."]


def test_a_bad_file_fails_alone_with_its_reason(case):
    job = ingest_now(
        case, upload("good", FOX), upload("bad", b"\xff\xfa"), upload("pdf", FOX, media_type="application/pdf")
    )
    assert counts(job) == ("finished", 3, 1, 0, 2)
    reasons = dict(job.items.values_list("document__name", "reason"))
    assert reasons == {"good": "", "bad": "wrong_encoding", "pdf": "unsupported_media_type"}
    assert dict(Document.objects.values_list("name", "state")) == {"good": "ready", "bad": "failed", "pdf": "failed"}
    assert not Chunk.objects.exclude(document__name="good").exists()


def test_a_bad_successor_leaves_the_old_text_readable(case):
    ingest_now(case, upload("a", FOX))
    job = ingest_now(case, upload("a", b"\xff\xfa"))
    assert counts(job) == ("finished", 1, 0, 0, 1)
    document = Document.objects.get()
    assert (document.state, document.revision, document.chunks.count()) == ("ready", 1, 1)


def test_a_doubled_message_does_nothing_twice(case):
    job = ingest_now(case, upload("a", FOX))
    before = chunk_ids(Document.objects.get())
    assert advance_ingest(job.id) == 0
    assert chunk_ids(Document.objects.get()) == before
    job.refresh_from_db()
    assert counts(job) == ("finished", 1, 1, 0, 0)


def test_two_workers_share_a_job_and_take_nothing_twice(case):
    job = ingest(case, [upload(f"d{n}", FOX * (n + 1)) for n in range(100)])
    first, second = claim_items(job.id), claim_items(job.id)
    assert len(first) == 64
    assert len(second) == 36
    assert not {item.id for item in first} & {item.id for item in second}
    assert claim_items(job.id) == []


def test_a_batch_is_bounded_in_bytes_and_a_large_file_goes_alone(case):
    sizes = [200_000, 50_000, 50_000, 400_000, 10]
    job = ingest(case, [upload(f"d{n}", "x" * size) for n, size in enumerate(sizes)])
    batches = []
    while batch := claim_items(job.id):
        batches.append([item.size for item in batch])
    assert batches == [[200_000, 50_000], [50_000], [400_000], [10]]


def test_a_worker_that_lost_its_lease_writes_nothing(case):
    job = ingest(case, [upload("a", FOX)])
    [stalled] = claim_items(job.id)
    IngestItem.objects.update(leased_until=Now())
    work_off(job)
    with pytest.raises(LeaseLost):
        publish(stalled, Prepared("Stale", "Stale", (), ()), "hash")
    document = Document.objects.get()
    assert (document.title, document.revision, document.chunk_count) == ("a", 1, 1)
    job.refresh_from_db()
    assert counts(job) == ("finished", 1, 1, 0, 0)


def test_a_document_that_kills_its_workers_fails_after_three_of_them(case):
    job = ingest(case, [upload("poison", FOX), upload("good", FOX)])
    assert len(claim_items(job.id)) == 2
    for _ in range(2):
        IngestItem.objects.filter(document__name="poison").update(leased_until=Now())
        [alone] = claim_items(job.id)
        assert alone.document.name == "poison"
    IngestItem.objects.update(leased_until=Now())
    work_off(job)
    assert counts(job) == ("finished", 2, 1, 0, 1)
    poison = IngestItem.objects.get(document__name="poison")
    assert (poison.attempts, poison.reason) == (3, "attempts_exhausted")


def test_the_later_of_two_jobs_wins_whichever_ends_first(case):
    early = ingest(case, [upload("a", "Early text.")])
    late = ingest(case, [upload("a", "Late text.")])
    assert counts(work_off(late)) == ("finished", 1, 1, 0, 0)
    assert counts(work_off(early)) == ("finished", 1, 0, 1, 0)
    assert early.items.get().reason == "superseded"
    assert [chunk.text for chunk in Chunk.objects.all()] == ["Late text."]


def test_vectors_of_known_passages_are_taken_from_the_database(case):
    ingest_now(case, upload("a", "# T\n\nsame passage", title="T"))
    Chunk.objects.update(embedding=[1.0] + [0.0] * 383)
    ingest_now(case, upload("b", "# T\n\nsame passage", title="T"))
    assert list(Chunk.objects.get(document__name="b").embedding)[:2] == [1.0, 0.0]


def test_faulty_lists_are_refused_whole(case):
    with pytest.raises(InvalidInput) as caught:
        ingest(case, [upload("a", "x"), upload("a", "y"), upload("", "z"), upload("n\0", "z")])
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [
        ("/documents/1/name", "duplicate_name"),
        ("/documents/2/name", "invalid_name"),
        ("/documents/3/name", "invalid_name"),
    ]
    with pytest.raises(InvalidInput):
        ingest(case, [])
    assert not Document.objects.exists()


def test_deleting_a_document_takes_its_chunks(case):
    ingest_now(case, upload("a", FOX))
    delete_document(Document.objects.get())
    assert not Chunk.objects.exists()


def test_a_document_deleted_under_way_holds_up_nobody(case):
    job = ingest(case, [upload("a", FOX), upload("b", FOX * 2), upload("c", FOX * 3)])
    items = {item.document.name: item for item in claim_items(job.id)}
    delete_document(Document.objects.get(name="a"))
    with pytest.raises(LeaseLost):
        publish(items["a"], Prepared("Ghost", "Ghost", (), ()), "hash")
    IngestItem.objects.update(leased_until=Now())
    assert counts(work_off(job)) == ("finished", 3, 2, 1, 0)
    assert list(Document.objects.order_by("name").values_list("name", "state")) == [("b", "ready"), ("c", "ready")]


def test_the_same_name_in_two_contexts_is_two_documents(workspace, case):
    other = create_context(workspace.id, path="other")
    ingest_now(case, upload("a", "One."))
    ingest_now(other, upload("a", "Two."))
    assert Document.objects.count() == 2


def test_the_sweeper_rings_only_for_jobs_that_stand_still(case, django_capture_on_commit_callbacks):
    job = ingest(case, [upload("a", FOX)])
    assert ring_stalled_jobs() == 0
    IngestJob.objects.update(touched_at=Now() - 2 * progress.SILENCE)
    with django_capture_on_commit_callbacks() as rung:
        assert ring_stalled_jobs() == 1
    assert len(rung) == 1
    work_off(job)
    IngestJob.objects.update(touched_at=Now() - 2 * progress.SILENCE)
    assert ring_stalled_jobs() == 0
