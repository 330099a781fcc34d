"""An agent's page: its versions to look at, its labels to move."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action, display

from apps.accounts.admin.base import WorkspaceAdmin
from apps.agents import services
from apps.agents.models import Agent, AgentLabel, AgentVersion
from apps.agents.selectors import agents_with_heads


class VersionsInline(TabularInline):  # type: ignore[misc]  # the library has no types
    """The versions, the newest first; nobody edits them."""

    model = AgentVersion
    fk_name = "agent"
    fields = ["shown", "model", "streaming", "context_budget_tokens", "created_at"]
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentVersion]:
        rows: QuerySet[AgentVersion] = super().get_queryset(request)
        return rows.select_related("agent", "model__provider")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Version")
    def shown(self, version: AgentVersion) -> SafeString:
        url = reverse("admin:agents_agentversion_change", args=[version.pk])
        return format_html('<a href="{}" class="font-semibold">{}</a>', url, str(version))


class LabelsInline(TabularInline):  # type: ignore[misc]  # the library has no types
    """Labels; saving moves them."""

    model = AgentLabel
    fields = ["name", "version", "moved_at"]
    readonly_fields = ["moved_at"]
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Agent | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        versions = AgentVersion.objects.select_related("agent").filter(agent=obj)
        formset.form.base_fields["version"].queryset = versions
        return formset


@admin.register(Agent)
class AgentAdmin(WorkspaceAdmin):
    """Agents; a version is published from the agent's page."""

    list_display = ["slug", "name", "workspace", "newest", "pointers", "state"]
    list_filter = ["workspace", ("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["slug", "name", "description"]
    fields = ["workspace", "slug", "name", "description", "archived_at", "id", "created_at"]
    readonly_fields = ["archived_at", "id", "created_at"]
    inlines = [LabelsInline, VersionsInline]
    actions = ["archive", "restore"]
    actions_detail = ["publish"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return agents_with_heads(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "slug"] if obj is not None else fields

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return self.inlines if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        if change:
            services.describe_agent(obj, name=obj.name, description=obj.description)
            return
        made = services.create_agent(obj.workspace_id, slug=obj.slug, name=obj.name, description=obj.description)
        obj.pk, obj._state.adding = made.pk, False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Labels are set and taken away through the services."""
        formset.save(commit=False)
        for label in formset.deleted_objects:
            services.delete_label(form.instance, name=AgentLabel.objects.get(pk=label.pk).name)
        for label in [*formset.new_objects, *(label for label, _ in formset.changed_objects)]:
            services.set_label(form.instance, name=label.name, number=label.version.number)

    @admin.display(description="Newest version")
    def newest(self, agent: Any) -> str:
        return "—" if agent.newest_version is None else f"@{agent.newest_version}"

    @admin.display(description="Labels")
    def pointers(self, agent: Agent) -> str:
        return ", ".join(f"{label.name} → {label.version.number}" for label in agent.labels.all())

    @display(description="State", label={"active": "success", "archived": "warning"})  # type: ignore[untyped-decorator]
    def state(self, agent: Agent) -> str:
        return "active" if agent.archived_at is None else "archived"

    @action(description="Publish a version", icon="publish", permissions=["change"])  # type: ignore[untyped-decorator]
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        return HttpResponseRedirect(f"{reverse('admin:agents_agentversion_add')}?agent={object_id}")

    @admin.action(description="Archive: take no more runs", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self.for_each(request, queryset, services.archive_agent, "archived")

    @admin.action(description="Take out of the archive", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self.for_each(request, queryset, services.restore_agent, "restored")
