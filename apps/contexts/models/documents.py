"""Documents with their revisions and chunks, and the jobs that ingest them."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from pgvector.django import HnswIndex, VectorField

from apps.accounts.models import WorkspaceModel
from apps.contexts.models.tree import Context
from apps.contexts.states import OPEN_ITEM_STATES, DocumentState, ItemState, JobState

DIMENSIONS = 384
TEXT_SEARCH = "english"


class Document(WorkspaceModel):
    """A text that agents can search, known in its context by `name` (a file's path, say).

    `revision` is the number of the one that readers find; 0 until the first is ready. The chunks are always those of
    that revision: they are replaced in the transaction that moves it.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=500)
    title = models.CharField(max_length=300)
    media_type = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=DocumentState, default=DocumentState.PENDING)
    revision = models.PositiveIntegerField(default=0, editable=False)
    digest = models.BinaryField(max_length=32, null=True, editable=False)
    size = models.PositiveBigIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    token_count = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(max_length=64, blank=True, help_text="Why it failed: a code.")
    detail = models.TextField(blank=True, help_text="Why it failed: a sentence.")
    recipe = models.CharField(max_length=150, blank=True, help_text="How it was cut and embedded.")
    metadata = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["context", "name"], name="document_name_once")]

    def __str__(self) -> str:
        return self.title


class DocumentRevision(WorkspaceModel):
    """One content of a document, kept so that a reference into it stays true after the document has changed.

    `digest` is of the bytes as they came, `text_digest` of the text that spans count characters in.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32)
    text_digest = models.BinaryField(max_length=32)
    characters = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="document_revision_once")]
        indexes = [
            models.Index(fields=["workspace", "digest"], name="document_revision_content"),
            models.Index(fields=["workspace", "text_digest"], name="document_revision_text"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}@{self.number}"


class Chunk(WorkspaceModel):
    """A passage: the characters `start` to `end` of its document's current text, with its vector and its words.

    `heading` (title and headings above the passage) is searched and embedded with the text, but is no part of the span.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    n = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    heading = models.TextField(blank=True)
    text = models.TextField()
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of heading and text: what the vector stands for.")
    tokens = models.PositiveIntegerField()
    embedding_model = models.CharField(max_length=100)
    embedding = VectorField(dimensions=DIMENSIONS)
    words = models.GeneratedField(
        expression=SearchVector("heading", config=TEXT_SEARCH, weight="A")
        + SearchVector("text", config=TEXT_SEARCH, weight="B"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "n"], name="chunk_once"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="chunk_span_is_not_empty"),
        ]
        indexes = [
            HnswIndex(fields=["embedding"], name="chunk_embedding", opclasses=["vector_cosine_ops"]),
            GinIndex(fields=["words"], name="chunk_words"),
            models.Index(fields=["workspace", "digest", "embedding_model"], name="chunk_content"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}:{self.start}-{self.end}"


class IngestJob(WorkspaceModel):
    """A list of documents to bring in; the counters move with each document that ends."""

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="ingest_jobs")
    state = models.CharField(max_length=16, choices=JobState, default=JobState.QUEUED)
    embedding_model = models.CharField(max_length=100)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    chunks = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["touched_at"], condition=~Q(state=JobState.FINISHED), name="ingest_job_open"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class IngestItem(WorkspaceModel):
    """One document of a job. `attempts` counts the workers that took it; a lease that ran out frees it again.

    `reason` is a code: why the document failed, or was skipped (`unchanged`, `superseded`).
    """

    job = models.ForeignKey(IngestJob, on_delete=models.CASCADE, related_name="items")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="ingest_items")
    title = models.CharField(max_length=300, blank=True)
    media_type = models.CharField(max_length=100)
    metadata = models.JSONField(default=dict, blank=True)
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the bytes to ingest.")
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=16, choices=ItemState, default=ItemState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "document"], name="ingest_item_once")]
        indexes = [
            models.Index(fields=["job", "id"], condition=Q(state__in=OPEN_ITEM_STATES), name="ingest_item_open"),
            models.Index(fields=["workspace", "digest"], name="ingest_item_content"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.document_id}"
