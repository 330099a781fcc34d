"""The shapes of documents and of the jobs that ingest them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.contexts.api import examples
from apps.contexts.api.shapes import answer, request
from apps.contexts.documents.selectors import eta_s, rate_per_s
from apps.contexts.documents.services import MAX_NAME, MAX_TITLE
from apps.contexts.documents.values import Upload
from apps.contexts.models import Document, IngestItem, IngestJob
from apps.contexts.references import MAX_WINDOW, Passage
from apps.core.serializers import StrictSerializer

MAX_DOCUMENTS = 1_000
_MEDIA_TYPE = r"^[a-z]+/[a-z0-9.+-]+$"


class _NewDocumentSerializer(StrictSerializer):
    name = serializers.CharField(max_length=MAX_NAME, help_text="Its identity in the context: a path, say.")
    title = serializers.CharField(max_length=MAX_TITLE, required=False, default="", allow_blank=True)
    media_type = serializers.RegexField(_MEDIA_TYPE, max_length=100, default="text/plain")
    metadata = serializers.DictField(required=False, default=dict)


@extend_schema_serializer(examples=request(examples.NEW_DOCUMENT))
class NewDocumentSerializer(_NewDocumentSerializer):
    """A document as text."""

    text = serializers.CharField(trim_whitespace=False, allow_blank=True)

    @staticmethod
    def upload(value: dict[str, Any]) -> Upload:
        """The file of a checked body."""
        fields = {name: item for name, item in value.items() if name not in {"text", "context_id"}}
        return Upload(data=value["text"].encode(), **fields)


@extend_schema_serializer(examples=request({"context_id": examples.CONTEXT_ID, **examples.NEW_DOCUMENT}))
class DocumentUploadSerializer(NewDocumentSerializer):
    """A document as text, and where it belongs."""

    context_id = serializers.UUIDField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Request",
            value={"context_id": examples.CONTEXT_ID, "file": "(the file's bytes)", "title": "Handbook"},
            media_type="multipart/form-data",
            request_only=True,
        )
    ]
)
class DocumentFileSerializer(StrictSerializer):
    """A document as a file, and where it belongs. Without a name or media type the file's own are taken."""

    context_id = serializers.UUIDField()
    file = serializers.FileField()
    name = serializers.CharField(max_length=MAX_NAME, required=False)
    title = serializers.CharField(max_length=MAX_TITLE, required=False, default="", allow_blank=True)
    media_type = serializers.RegexField(_MEDIA_TYPE, max_length=100, required=False)

    def to_upload(self) -> Upload:
        """The file of a checked body."""
        fields = self.validated_data
        file = fields["file"]
        media_type = fields.get("media_type") or file.content_type or "application/octet-stream"
        return Upload(fields.get("name") or file.name, file.read(), media_type, fields["title"])


@extend_schema_serializer(examples=answer(examples.DOCUMENT))
class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document without its text. `revision` is the one that readers find, 0 before the first is ready."""

    context_id = serializers.UUIDField()

    class Meta:
        model = Document
        fields = [
            "id",
            "context_id",
            "name",
            "title",
            "media_type",
            "state",
            "reason",
            "detail",
            "revision",
            "size",
            "chunk_count",
            "token_count",
            "metadata",
            "created_at",
            "updated_at",
        ]


class WindowSerializer(StrictSerializer):
    """Which characters to read."""

    start = serializers.IntegerField(min_value=0, default=0)
    end = serializers.IntegerField(min_value=0, required=False, help_text=f"At most {MAX_WINDOW} beyond `start`.")


@extend_schema_serializer(examples=answer(examples.DOCUMENT_TEXT))
class PassageSerializer(serializers.Serializer[Passage]):
    """Characters `start` to `end` of `total`; `next_start` is where to go on, null at the end."""

    ref = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    total = serializers.IntegerField()
    next_start = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(examples=request(examples.NEW_JOB))
class NewIngestJobSerializer(StrictSerializer):
    """Documents to bring into a context together."""

    context_id = serializers.UUIDField()
    documents = NewDocumentSerializer(many=True, allow_empty=False, max_length=MAX_DOCUMENTS)  # type: ignore[call-arg]


@extend_schema_serializer(examples=answer(examples.JOB))
class IngestJobSerializer(serializers.ModelSerializer[IngestJob]):
    """How far a job is. `total = done + skipped + failed` once it has finished."""

    context_id = serializers.UUIDField()
    rate_per_s = serializers.SerializerMethodField(help_text="Documents a second since the start.")
    eta_s = serializers.SerializerMethodField(help_text="Seconds to go at that rate.")

    class Meta:
        model = IngestJob
        fields = [
            "id",
            "context_id",
            "state",
            "total",
            "done",
            "skipped",
            "failed",
            "chunks",
            "rate_per_s",
            "eta_s",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_rate_per_s(self, job: IngestJob) -> float | None:
        return rate_per_s(job)

    def get_eta_s(self, job: IngestJob) -> float | None:
        return eta_s(job)


@extend_schema_serializer(examples=answer(examples.ITEM))
class IngestItemSerializer(serializers.ModelSerializer[IngestItem]):
    """One document of a job; `reason` says why it failed or was skipped."""

    document_id = serializers.UUIDField()
    name = serializers.CharField(source="document.name")

    class Meta:
        model = IngestItem
        fields = ["id", "document_id", "name", "state", "reason", "detail", "attempts", "size"]


@extend_schema_serializer(examples=answer({"document": examples.DOCUMENT, "job": examples.JOB}))
class UploadedSerializer(serializers.Serializer[Any]):
    """The document as it is now, and the job that makes it ready."""

    document = DocumentSerializer()
    job = IngestJobSerializer()
