"""Hybrid search over chunks."""

import numpy as np
import pytest
from django.db import connection

from apps.contexts.models import Chunk, Document
from apps.contexts.search import Weights, search
from apps.contexts.services import create_context
from tests.integration.contexts.ingesting import ingest_now, upload

FACTS = {
    "refunds.txt": "Refunds are paid within fourteen days of the return.",
    "shipping.txt": "Parcels are shipped every morning except on Sundays.",
    "warranty.txt": "The warranty covers defects for two years.",
}


@pytest.fixture
def filled(case):
    ingest_now(case, *(upload(name, text) for name, text in FACTS.items()))
    return case


def names(hits) -> list[str]:
    return [hit.document_name for hit in hits]


def test_a_natural_question_finds_its_passage(workspace, filled):
    hits = search(workspace.id, "When will my refunds be paid?", context_ids=[filled.id])
    best = hits[0]
    document = Document.objects.get(name="refunds.txt")
    assert (best.document_name, best.text) == ("refunds.txt", FACTS["refunds.txt"])
    assert (best.start, best.end, best.revision) == (0, len(best.text), 1)
    assert (best.text_rank, best.vector_rank) == (1, 1)
    assert best.score == pytest.approx(2 / 61)
    assert best.ref == f"doc:{document.id}@1:0-{best.end}"
    assert len(hits) == 3


def test_either_half_can_be_switched_off(workspace, filled):
    words = search(workspace.id, "warranty", context_ids=[filled.id], weights=Weights(text=1, vector=0))
    assert names(words)[0] == "warranty.txt"
    assert words[0].score == pytest.approx(1 / 61)


def test_the_title_is_searched_with_the_text(workspace, case):
    ingest_now(case, upload("x", "Nothing to see.", title="Zanzibar"), upload("y", "Nothing else."))
    assert names(search(workspace.id, "zanzibar", context_ids=[case.id]))[0] == "x"


def test_contexts_above_and_below_are_searched_and_siblings_are_not(workspace, support, acme, case):
    below = create_context(workspace.id, path=f"{case.path}/mail")
    sibling = create_context(workspace.id, path="support/acme/case-43")
    for context in (support, acme, case, below, sibling):
        ingest_now(context, upload(context.path, "The parcel is late."))
    found = names(search(workspace.id, "late parcel", context_ids=[case.id]))
    assert sorted(found) == ["support", "support/acme", "support/acme/case-42", "support/acme/case-42/mail"]


def test_another_workspace_finds_nothing(stranger, filled):
    foreign = create_context(stranger.id, path="support/acme/case-42")
    assert search(stranger.id, "refunds", context_ids=[filled.id, foreign.id]) == []


def test_one_document_can_be_kept_from_filling_the_list(workspace, case):
    ingest_now(case, upload("long", "The late parcel. " * 200), upload("short", "A parcel."))
    hits = search(workspace.id, "parcel", context_ids=[case.id], limit=2, per_document=1)
    assert sorted(names(hits)) == ["long", "short"]


@pytest.mark.parametrize("query", ["", "  ", "\0", "?!", "the", "a" * 5_000, "x' OR 1=1 --", '"unbalanced', "- or !"])
def test_odd_queries_do_no_harm(workspace, filled, query):
    hits = search(workspace.id, query, context_ids=[filled.id])
    assert len(hits) in (0, 3)


def test_nothing_mounted_is_nothing_found(workspace, filled, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert search(workspace.id, "refunds", context_ids=[]) == []


def test_a_filter_costs_no_rows(workspace, case):
    """Half of the vectors nearest to the query lie in a context that the filter excludes; k rows come all the same.

    The planner is told to use the vector index, as it would with many rows: without iterative scans it returns too few.
    """
    other = create_context(workspace.id, path="other")
    document = {
        context.id: Document.objects.create(
            workspace=workspace, context=context, name="d", title="d", media_type="text/plain"
        )
        for context in (case, other)
    }
    for one in document.values():
        one.revisions.create(workspace=workspace, number=1, digest=b"d" * 32, text_digest=b"t" * 32, characters=10)
    Document.objects.update(revision=1)
    random = np.random.default_rng(7)
    vectors = random.normal(size=(2_000, 384)).astype(np.float32)
    Chunk.objects.bulk_create(
        Chunk(
            workspace=workspace,
            context_id=context_id,
            document=document[context_id],
            n=n,
            start=n,
            end=n + 1,
            text="passage",
            digest=n.to_bytes(32, "big"),
            tokens=1,
            embedding_model="hash",
            embedding=vector,
        )
        for n, (vector, context_id) in enumerate(zip(vectors, [case.id, other.id] * 1_000, strict=True))
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contexts_chunk")
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    hits = search(workspace.id, "unrelated", context_ids=[case.id], limit=50)
    assert len(hits) == 50
    assert {hit.context_id for hit in hits} == {case.id}
