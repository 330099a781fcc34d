"""Ingest jobs: how far, how fast, and what went wrong with which document."""

from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.accounts.admin.base import WorkspaceAdmin
from apps.contexts.admin import cells
from apps.contexts.admin.records import Records, RecordsInline
from apps.contexts.models import IngestItem, IngestJob
from apps.contexts.states import ItemState


class ItemsInline(RecordsInline):
    """The documents of the job, the failed ones first."""

    model = IngestItem
    fields = ["document", "shown_state", "reason", "detail", "attempts", "size"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[IngestItem]:
        rows: QuerySet[IngestItem] = super().get_queryset(request)
        failed = When(state=ItemState.FAILED, then=Value(0))
        return rows.select_related("document").order_by(Case(failed, default=1, output_field=IntegerField()), "id")

    @display(description="State", label=cells.ITEM_LABELS)  # type: ignore[untyped-decorator]
    def shown_state(self, item: IngestItem) -> str:
        return item.state


@admin.register(IngestJob)
class IngestJobAdmin(Records, WorkspaceAdmin):
    """Read only; a job begins with an upload."""

    list_display = ["created_at", "shown_state", "bar", "pace", "failed", "skipped", "chunks", "context"]
    list_filter = ["workspace", "state"]
    list_select_related = ["context"]
    ordering = ["-id"]
    inlines = [ItemsInline]
    fields = [
        "workspace",
        "context",
        "shown_state",
        "bar",
        "pace",
        "done",
        "skipped",
        "failed",
        "chunks",
        "embedding_model",
        "created_at",
        "started_at",
        "finished_at",
    ]
    readonly_fields = fields

    @display(description="State", label=cells.JOB_LABELS)  # type: ignore[untyped-decorator]
    def shown_state(self, job: IngestJob) -> str:
        return job.state

    @admin.display(description="Progress")
    def bar(self, job: IngestJob) -> SafeString:
        return cells.bar(job)

    @admin.display(description="Pace")
    def pace(self, job: IngestJob) -> str:
        return cells.pace(job)
