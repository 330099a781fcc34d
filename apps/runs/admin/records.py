"""Worker processes and the effect ledger, to look at."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.runs.admin import columns
from apps.runs.admin.base import RecordsAdmin, RunsAdmin
from apps.runs.admin.paging import CappedPaginator
from apps.runs.models import Effect, WorkerProcess
from apps.runs.templatetags.runs_admin import ago


@admin.register(WorkerProcess)
class WorkerProcessAdmin(RecordsAdmin):
    """Who may hold runs, and whether its lease is alive."""

    list_display = ["name", "lives", "load", "leaving", "heard", "started"]
    fields = ["hostname", "pid", "slots", "running", "draining", "heartbeat_at", "expires_at", "created_at"]
    readonly_fields = fields
    sortable_by: list[str] = []

    @admin.display(description="Process")
    def name(self, worker: WorkerProcess) -> str:
        return str(worker)

    @admin.display(description="Lease")
    def lives(self, worker: WorkerProcess) -> SafeString:
        return columns.lease(worker)

    @admin.display(description="Runs / slots")
    def load(self, worker: WorkerProcess) -> str:
        return f"{worker.running} / {worker.slots}"

    @admin.display(description="Draining")
    def leaving(self, worker: WorkerProcess) -> str:
        return "yes" if worker.draining else "—"

    @admin.display(description="Heartbeat")
    def heard(self, worker: WorkerProcess) -> SafeString | str:
        return ago(worker.heartbeat_at)

    @admin.display(description="Started")
    def started(self, worker: WorkerProcess) -> SafeString | str:
        return ago(worker.created_at)


@admin.register(Effect)
class EffectAdmin(RunsAdmin):
    """Calls that change the world: what was intended, and what came of it."""

    list_display = ["tool", "state", "run", "began", "settled"]
    list_filter = ["state", ("workspace", RelatedDropdownFilter)]
    fields = ["workspace", "run", "tool", "key", "state", "epoch", "created_at", "settled_at"]
    readonly_fields = fields
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    sortable_by: list[str] = []

    @admin.display(description="Intended")
    def began(self, effect: Effect) -> SafeString | str:
        return ago(effect.created_at)

    @admin.display(description="Settled")
    def settled(self, effect: Effect) -> SafeString | str:
        return ago(effect.settled_at)
