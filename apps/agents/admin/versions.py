"""A version's page: to look at once published, and the form that publishes the next one."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline

from apps.accounts.admin.base import WorkspaceAdmin
from apps.agents import services
from apps.agents.admin.forms import VersionForm, definition_in, initial_of, initial_rows
from apps.agents.definition import AgentDefinition, Author
from apps.agents.exceptions import AgentNotFound, InvalidAgentDefinition
from apps.agents.models import Agent, AgentVersion, ContextMount, ToolBinding
from apps.agents.selectors import definition_of
from apps.contexts.models import Context
from apps.providers.models import LanguageModel
from apps.tools.models import ToolVersion


class PartInline(TabularInline):  # type: ignore[misc]  # the library has no types
    """Rows of a version: to fill in while it is published, never to change afterwards."""

    extra = 0

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else len(getattr(request, "first_rows", {}).get(self.relation, ()))

    @property
    def relation(self) -> str:
        return str(self.model._meta.get_field("agent_version").remote_field.related_name)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj._state.adding

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ToolsInline(PartInline):
    """The tools that the agent may call."""

    model = ToolBinding
    fields = ["tool_version", "config", "approval"]
    verbose_name_plural = "tools"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, queryset=tools_for(agent_of(request)))


class MountsInline(PartInline):
    """The contexts that the agent sees."""

    model = ContextMount
    fields = ["context", "access", "share", "version"]
    verbose_name_plural = "context mounts"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, queryset=contexts_for(agent_of(request)))


@admin.register(AgentVersion)
class AgentVersionAdmin(WorkspaceAdmin):
    """Adding a version publishes it, for the agent that the address names (`?agent=<id>`)."""

    form = VersionForm
    inlines = [ToolsInline, MountsInline]
    list_display = ["__str__", "workspace", "model", "created_at"]
    list_select_related = ["agent", "workspace", "model__provider"]
    search_fields = ["agent__slug"]
    fieldsets = [
        (None, {"fields": ["model", "instructions", "output_schema", "settings"]}),
        ("A run may use", {"fields": [("steps", "tokens", "usd", "seconds")]}),
        ("Delivery", {"fields": ["streaming", "context_budget_tokens"]}),
    ]
    published = ["agent", "number", "model", "instructions", "output_schema", "settings", "limits", "streaming"]

    def get_fieldsets(self, request: HttpRequest, obj: AgentVersion | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        return [(None, {"fields": [*self.published, "context_budget_tokens", "fingerprint", "author", "created_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["fingerprint", "author", "created_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Digest")
    def fingerprint(self, version: AgentVersion) -> str:
        return bytes(version.digest).hex()

    @admin.display(description="Published by")
    def author(self, version: AgentVersion) -> str:
        return f"{version.created_by_kind} {version.created_by_id or ''}".strip() or "—"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, queryset=models_for(agent_of(request)))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.faults = getattr(request, "faults", ())
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = _newest(agent_of(request))
        return initial_of(definition_of(newest) if newest else None) | {"model": newest.model_id if newest else None}

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> dict[str, Any]:
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        rows = getattr(request, "first_rows", {}).get(inline.relation)
        return given | {"initial": rows} if rows else given

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What the service refuses comes back as errors of the form, with everything that was typed."""
        agent = agent_of(request)
        if object_id is None and agent is None:
            self.message_user(request, "Open an agent and choose “Publish a version”.", messages.INFO)
            return HttpResponseRedirect(reverse("admin:agents_agent_changelist"))
        if object_id is None and request.method == "GET":
            request.first_rows = _first_rows(agent)  # type: ignore[attr-defined]
        try:
            response: HttpResponse = ModelAdmin.changeform_view(self, request, object_id, *args, **kwargs)
        except InvalidAgentDefinition as refusal:
            request.faults = refusal.errors  # type: ignore[attr-defined]
            response = super().changeform_view(request, object_id, *args, **kwargs)
        return response

    def save_model(self, request: HttpRequest, obj: AgentVersion, form: Any, change: bool) -> None:
        """Nothing yet: a version is written together with its rows."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        agent = agent_of(request)
        if agent is None:
            raise AgentNotFound
        author = Author("user", UUID(str(request.user.pk)))
        version = services.publish_version(agent, definition=definition_in(form, formsets), author=author)
        form.instance.__dict__.update(version.__dict__)
        for formset in formsets:
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    def response_add(
        self, request: HttpRequest, obj: AgentVersion, post_url_continue: str | None = None
    ) -> HttpResponse:
        self.message_user(request, f"{obj} is published.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:agents_agent_change", args=[obj.agent_id]))


def agent_of(request: HttpRequest) -> Agent | None:
    """The agent that the address names, if there is one."""
    try:
        wanted = UUID(request.GET.get("agent", ""))
    except ValueError:
        return None
    return Agent.objects.filter(pk=wanted).first()


def models_for(agent: Agent | None) -> QuerySet[LanguageModel]:
    """The models that the agent may use."""
    rows = LanguageModel.objects.select_related("provider")
    return rows.filter(workspace_id=agent.workspace_id, is_active=True) if agent else rows


def tools_for(agent: Agent | None) -> QuerySet[ToolVersion]:
    """The tool versions that the agent may bind."""
    rows = ToolVersion.objects.select_related("tool").order_by("tool__name", "-id")
    if agent is None:
        return rows
    return rows.filter(Q(tool__workspace=None) | Q(tool__workspace_id=agent.workspace_id), is_available=True)


def contexts_for(agent: Agent | None) -> QuerySet[Context]:
    """The contexts that the agent may mount."""
    rows = Context.objects.order_by("path")
    return rows.filter(workspace_id=agent.workspace_id) if agent else rows


def _newest(agent: Agent | None) -> AgentVersion | None:
    if agent is None:
        return None
    return agent.versions.select_related("model__provider").order_by("-number").first()


def _first_rows(agent: Agent | None) -> dict[str, list[dict[str, Any]]]:
    newest = _newest(agent)
    definition: AgentDefinition | None = definition_of(newest) if newest else None
    return initial_rows(definition, tools_for(agent), contexts_for(agent))
