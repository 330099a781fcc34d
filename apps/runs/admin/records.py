"""Worker processes and the effect ledger, to look at."""

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.runs.admin.base import RunsAdmin
from apps.runs.admin.paging import CappedPaginator
from apps.runs.models import Effect, WorkerProcess
from apps.runs.templatetags.runs_admin import ago


@admin.register(WorkerProcess)
class WorkerProcessAdmin(RunsAdmin):
    """Who may hold runs, and whether its lease is alive."""

    list_display = ["name", "lives", "load", "draining", "heard", "started"]
    fields = ["hostname", "pid", "slots", "running", "draining", "heartbeat_at", "expires_at", "created_at"]
    readonly_fields = fields
    sortable_by: list[str] = []

    @display(description="Process")
    def name(self, worker: WorkerProcess) -> str:
        return str(worker)

    @display(description="Lease", label={"alive": "success", "expired": "danger"})
    def lives(self, worker: WorkerProcess) -> str:
        return "alive" if worker.expires_at > timezone.now() else "expired"

    @display(description="Runs / slots")
    def load(self, worker: WorkerProcess) -> str:
        return f"{worker.running} / {worker.slots}"

    @display(description="Heartbeat")
    def heard(self, worker: WorkerProcess) -> SafeString | str:
        return ago(worker.heartbeat_at)

    @display(description="Started")
    def started(self, worker: WorkerProcess) -> SafeString | str:
        return ago(worker.created_at)


@admin.register(Effect)
class EffectAdmin(RunsAdmin):
    """Calls that change the world: what was intended, and what came of it."""

    list_display = ["tool", "state", "run", "began", "settled"]
    list_filter = ["state"]
    fields = ["run", "tool", "key", "state", "epoch", "created_at", "settled_at"]
    readonly_fields = fields
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    sortable_by: list[str] = []

    @display(description="Intended")
    def began(self, effect: Effect) -> SafeString | str:
        return ago(effect.created_at)

    @display(description="Settled")
    def settled(self, effect: Effect) -> SafeString | str:
        return ago(effect.settled_at)
