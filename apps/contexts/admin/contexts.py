"""The tree of contexts: where each stands, what it holds at its head, how it came about."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.accounts.admin.base import WorkspaceAdmin
from apps.contexts import services
from apps.contexts.admin import cells
from apps.contexts.admin.forms import ContextForm
from apps.contexts.admin.records import RecordsInline
from apps.contexts.changes import Author
from apps.contexts.models import FOREVER, Context, Document, Entry, Label, Version
from apps.contexts.models.tree import MAIN


class EntriesInline(RecordsInline):
    """The context's own entries at the head of its main branch."""

    model = Entry
    verbose_name_plural = "entries at head"
    fields = ["shown", "kind", "source", "content_type", "size", "pinned", "priority", "valid_from"]
    readonly_fields = fields
    ordering = ["key"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        rows: QuerySet[Entry] = super().get_queryset(request)
        return rows.filter(valid_to=FOREVER, branch__name=MAIN)

    @admin.display(description="Key")
    def shown(self, entry: Entry) -> SafeString:
        return cells.entry_link(entry)


class VersionsInline(RecordsInline):
    """The history, the newest first."""

    model = Version
    fields = ["number", "message", "author", "changes", "run_id", "created_at"]
    readonly_fields = fields
    ordering = ["-number"]


class LabelsInline(RecordsInline):
    """Names of versions."""

    model = Label
    fields = ["name", "version", "protected"]
    readonly_fields = fields
    ordering = ["name"]


@admin.register(Context)
class ContextAdmin(WorkspaceAdmin):
    """The tree, by path. Saving moves, describes and commits through the services."""

    form = ContextForm
    list_display = ["place", "workspace", "head", "entry_count", "document_count", "created_at"]
    list_filter = ["workspace"]
    search_fields = ["path", "description"]
    ordering = ["workspace", "path"]
    list_per_page = 50
    inlines = [EntriesInline, VersionsInline, LabelsInline]
    readonly_fields = ["head", "id", "created_at"]
    actions = ["delete_contexts"]
    fieldsets = [
        (None, {"fields": ["workspace", "path", "description"]}),
        ("Commit an entry", {"fields": ["key", "content", "kind", "source", "pinned", "message"]}),
        ("Record", {"fields": ["head", "id", "created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Context]:
        rows: QuerySet[Context] = super().get_queryset(request)
        entries = Count("entries", filter=Q(entries__valid_to=FOREVER, entries__branch__name=MAIN))
        documents = Document.objects.filter(context=OuterRef("pk")).order_by().values("context").annotate(n=Count("pk"))
        return rows.filter(branches__name=MAIN).annotate(
            head_number=F("branches__head"),
            entries_at_head=entries,
            documents_in=Coalesce(Subquery(documents.values("n"), output_field=IntegerField()), 0),
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return self.inlines if obj is not None else []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Context, form: ContextForm, change: bool) -> None:
        data = form.cleaned_data
        if change:
            services.move_context(obj, path=data["path"])
            services.describe_context(obj, description=data["description"])
        else:
            made = services.create_context(obj.workspace_id, path=data["path"], description=data["description"])
            obj.pk, obj._state.adding = made.pk, False
        entry = form.entry()
        if entry is not None:
            services.commit_entries(obj, [entry], by=Author(request.user.get_username()), message=data["message"])

    def delete_model(self, request: HttpRequest, obj: Context) -> None:
        services.delete_context(obj)

    @admin.action(description="Delete with history and documents", permissions=["delete"])
    def delete_contexts(self, request: HttpRequest, queryset: QuerySet[Context]) -> None:
        # The leaves first, so that a whole branch of the tree can be chosen at once.
        self.for_each(request, queryset.order_by("-path"), services.delete_context, "deleted")

    @admin.display(description="Context", ordering="path")
    def place(self, context: Context) -> SafeString:
        return cells.indented(context.path)

    @admin.display(description="Newest version")
    def head(self, context: Any) -> str:
        return f"@{context.head_number}" if getattr(context, "head_number", 0) else "—"

    @admin.display(description="Entries")
    def entry_count(self, context: Any) -> int:
        count: int = context.entries_at_head
        return count

    @admin.display(description="Documents")
    def document_count(self, context: Any) -> int:
        count: int = context.documents_in
        return count
