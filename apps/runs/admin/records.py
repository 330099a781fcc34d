"""Worker processes and the effect ledger, to look at."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.runs.admin import columns
from apps.runs.admin.base import RecordsAdmin, RunsAdmin
from apps.runs.admin.filters import UndecidedFilter
from apps.runs.admin.paging import CappedPaginator
from apps.runs.effects import effect_json, effects_of
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
    """Calls that change the world: what was intended, what came of it, and what a person must decide."""

    list_display = ["tool", "ending", "of_run", "began", "settled"]
    list_display_links = ["tool"]
    list_filter = [UndecidedFilter, "state", ("workspace", RelatedDropdownFilter)]
    list_select_related = ["workspace", "run__agent_version__agent"]
    fields = [
        "workspace", "of_run", "tool", "key", "ending", "asked", "told", "late", "decided_by", "note", "epoch",
        "created_at", "settled_at",
    ]  # fmt: skip
    readonly_fields = fields
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    sortable_by: list[str] = []

    @admin.display(description="State")
    def ending(self, effect: Effect) -> SafeString:
        return columns.ending(effect)

    @admin.display(description="Run")
    def of_run(self, effect: Effect) -> SafeString:
        address = reverse("admin:runs_run_change", args=[effect.run_id])
        return format_html('<a class="cef-link" href="{}">{}</a>', address, effect.run.agent_version)

    @admin.display(description="Intended")
    def began(self, effect: Effect) -> SafeString | str:
        return ago(effect.created_at)

    @admin.display(description="Settled")
    def settled(self, effect: Effect) -> SafeString | str:
        return ago(effect.settled_at)

    @admin.display(description="Arguments")
    def asked(self, effect: Effect) -> SafeString | str:
        return columns.payload(self._row(effect)["arguments"])

    @admin.display(description="Result")
    def told(self, effect: Effect) -> SafeString | str:
        return columns.payload(self._row(effect)["result"])

    @admin.display(description="Late result")
    def late(self, effect: Effect) -> SafeString | str:
        return columns.payload(self._row(effect)["late_result"])

    @admin.display(description="Decided by")
    def decided_by(self, effect: Effect) -> str:
        return f"{effect.decided_by_kind} {effect.decided_by_id or ''}" if effect.decided_by_kind else "—"

    def _row(self, effect: Effect) -> dict[str, Any]:
        return effect_json(effects_of(effect.run_id).get(id=effect.id))
