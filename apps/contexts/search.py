"""Hybrid search over the chunks of documents: full text and vectors in one query, fused by rank.

Each half ranks its own candidates; a chunk's score is the weighted sum of 1 / (60 + its rank) over the halves that
found it (reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009). Workspace and contexts are conditions
inside both halves, so a filter never costs rows: pgvector's iterative scan goes on until it has enough.
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from apps.contexts.models import Context
from apps.contexts.models.documents import TEXT_SEARCH
from apps.contexts.selectors import reachable
from apps.providers.embeddings import get_embedder

POOL: Final = 50
MAX_LIMIT: Final = 100
_K: Final = 60
# Of PostgreSQL's word classes D, C, B, A: text is B, headings are A. With `ts_rank`, divided by the logarithm of the
# length, these did best on HotpotQA's passages; `ts_rank_cd`, which rewards nearness, did far worse on questions.
_WORD_WEIGHTS: Final = [0.0, 0.0, 0.7, 1.0]
_MAX_WORDS: Final = 32
_MAX_QUERY: Final = 2_000
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Weights:
    """What a rank in each half counts."""

    text: float = 1.0
    vector: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. Ranks start at 1 and are None in a half that did not find it."""

    document_id: uuid.UUID
    revision: int
    document_title: str
    document_name: str
    context_id: uuid.UUID
    chunk_id: uuid.UUID
    start: int
    end: int
    heading: str
    text: str
    text_digest: bytes
    tokens: int
    score: float
    text_rank: int | None
    vector_rank: int | None
    similarity: float | None

    @property
    def ref(self) -> str:
        """A reference to these characters, which stays true when the document changes."""
        return f"doc:{self.document_id}@{self.revision}:{self.start}-{self.end}"


def search(
    workspace_id: uuid.UUID,
    query: str,
    *,
    context_ids: Collection[uuid.UUID],
    limit: int = 8,
    per_document: int | None = None,
    weights: Weights = Weights(),
) -> list[Hit]:
    """The passages that answer the query best, from these contexts, those above them and those below them.

    At most `per_document` of one document (None: any number). Three queries; embeds the query, 10 to 40 ms of CPU with
    the embedded model, unless it was embedded before.
    """
    query = query.replace("\0", " ")[:_MAX_QUERY]
    scope = list(Context.objects.filter(reachable(workspace_id, context_ids)).values_list("id", flat=True))
    if not query.strip() or not scope:
        return []
    parameters = {
        "workspace": workspace_id,
        "contexts": scope,
        "words": _or_query(query),
        "config": TEXT_SEARCH,
        "heading_and_text": _WORD_WEIGHTS,
        "vector": _vector(query, settings.CEF_EMBEDDER),
        "model": settings.CEF_EMBEDDER,
        "pool": max(POOL, limit),
        "limit": min(limit, MAX_LIMIT) if per_document is None else max(POOL, limit),
        "text_weight": weights.text,
        "vector_weight": weights.vector,
        "k": _K,
    }
    hits = [Hit(*row) for row in _rows(parameters)]
    return _diverse(hits, per_document)[: min(limit, MAX_LIMIT)]


def _or_query(query: str) -> str:
    """The query's words joined by OR: a natural question rarely has all its words in one passage."""
    words = dict.fromkeys(word.lower() for word in _WORD.findall(query))
    return " or ".join(f'"{word}"' for word in list(words)[:_MAX_WORDS])


@lru_cache(maxsize=1_024)
def _vector(query: str, model: str) -> str:
    """The query's vector as PostgreSQL writes it. A run asks with the same words at each of its steps."""
    vector = get_embedder(model).embed([query])[0]
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"


def _rows(parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        cursor.execute(_SQL, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _diverse(hits: list[Hit], per_document: int | None) -> list[Hit]:
    if per_document is None:
        return hits
    taken: dict[uuid.UUID, int] = {}
    kept = []
    for hit in hits:
        taken[hit.document_id] = taken.get(hit.document_id, 0) + 1
        if taken[hit.document_id] <= per_document:
            kept.append(hit)
    return kept


# The contexts are an array and no join, so that the planner can filter inside either index scan, or scan the rows of
# the contexts alone when they are few. `LIMIT` stands inside each half: only so does the vector index serve the order.
_SQL: Final = """
WITH words AS (
    SELECT websearch_to_tsquery(%(config)s::regconfig, %(words)s) AS query
), by_text AS (
    SELECT id, row_number() OVER (ORDER BY rank DESC, id) AS place
    FROM (
        SELECT chunk.id, ts_rank(%(heading_and_text)s::float4[], chunk.words, words.query, 1) AS rank
        FROM contexts_chunk chunk, words
        WHERE chunk.workspace_id = %(workspace)s AND chunk.context_id = ANY(%(contexts)s)
          AND chunk.words @@ words.query
        ORDER BY rank DESC, chunk.id
        LIMIT %(pool)s
    ) ranked
), by_vector AS (
    SELECT id, distance, row_number() OVER (ORDER BY distance, id) AS place
    FROM (
        SELECT chunk.id, chunk.embedding <=> %(vector)s::vector AS distance
        FROM contexts_chunk chunk
        WHERE chunk.workspace_id = %(workspace)s AND chunk.context_id = ANY(%(contexts)s)
          AND chunk.embedding_model = %(model)s
        ORDER BY chunk.embedding <=> %(vector)s::vector
        LIMIT %(pool)s
    ) nearest
), fused AS (
    SELECT id, by_text.place AS text_rank, by_vector.place AS vector_rank, 1 - by_vector.distance AS similarity,
           COALESCE(%(text_weight)s::float8 / (%(k)s + by_text.place), 0)
         + COALESCE(%(vector_weight)s::float8 / (%(k)s + by_vector.place), 0) AS score
    FROM by_text FULL JOIN by_vector USING (id)
    ORDER BY score DESC, id
    LIMIT %(limit)s
)
SELECT document.id, document.revision, document.title, document.name, chunk.context_id, chunk.id,
       chunk.start, chunk."end", chunk.heading, chunk.text, revision.text_digest, chunk.tokens,
       fused.score, fused.text_rank, fused.vector_rank, fused.similarity
FROM fused
JOIN contexts_chunk chunk ON chunk.id = fused.id
JOIN contexts_document document ON document.id = chunk.document_id
JOIN contexts_documentrevision revision ON revision.document_id = document.id AND revision.number = document.revision
ORDER BY fused.score DESC, fused.id
"""
