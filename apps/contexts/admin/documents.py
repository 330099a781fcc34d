"""Documents: what is in, what failed and why, and a door for new ones."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.accounts.admin.base import WorkspaceAdmin
from apps.contexts.admin import cells
from apps.contexts.admin.forms import UploadForm
from apps.contexts.admin.records import RecordsInline
from apps.contexts.documents.services import delete_document, ingest
from apps.contexts.documents.values import Upload
from apps.contexts.models import Chunk, Document, DocumentRevision


class ChunksInline(RecordsInline):
    """The passages, in the document's order."""

    model = Chunk
    fields = ["n", "start", "end", "heading", "text", "tokens", "embedding_model"]
    readonly_fields = fields
    ordering = ["n"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        rows: QuerySet[Chunk] = super().get_queryset(request)
        return rows.defer("embedding", "words")


class RevisionsInline(RecordsInline):
    """What the document said before."""

    model = DocumentRevision
    fields = ["number", "characters", "created_at"]
    readonly_fields = fields
    ordering = ["-number"]


@admin.register(Document)
class DocumentAdmin(WorkspaceAdmin):
    """Adding a document uploads a file and starts an ingest job; a known name replaces what it held."""

    form = UploadForm
    list_display = ["title", "shown_state", "context", "chunk_count", "token_count", "size", "updated_at"]
    list_filter = ["workspace", "state", "media_type"]
    list_select_related = ["context"]
    search_fields = ["title", "name", "context__path"]
    ordering = ["-id"]
    inlines = [ChunksInline, RevisionsInline]
    actions = ["delete_documents"]
    autocomplete_fields = ["context"]
    _RECORD = (
        "workspace",
        "context",
        "name",
        "title",
        "shown_state",
        "reason",
        "detail",
        "media_type",
        "revision",
        "size",
        "chunk_count",
        "token_count",
        "recipe",
        "metadata",
        "id",
        "created_at",
        "updated_at",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self._RECORD) if obj is not None else ["context", "file", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self._RECORD) if obj is not None else []

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        # A stored document has no form of its own: what it says changes by uploading it again.
        if obj is not None:
            kwargs["form"] = self.form.__base__
        return super().get_form(request, obj, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return self.inlines if obj is not None else []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Document, form: UploadForm, change: bool) -> None:
        if change:
            return
        file = form.cleaned_data["file"]
        upload = Upload(form.cleaned_data["name"] or file.name, file.read(), form.media_type())
        item = ingest(obj.context, [upload]).items.select_related("document").get()
        obj.pk, obj.title, obj._state.adding = item.document.pk, item.document.title, False

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        delete_document(obj)

    @admin.action(description="Delete with passages and revisions", permissions=["delete"])
    def delete_documents(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self.for_each(request, queryset, delete_document, "deleted")

    @display(description="State", ordering="state", label=cells.DOCUMENT_LABELS)  # type: ignore[untyped-decorator]
    def shown_state(self, document: Document) -> str:
        return document.state
