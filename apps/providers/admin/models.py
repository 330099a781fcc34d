"""Language models and embedding models in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.accounts.admin.base import WorkspaceAdmin
from apps.providers import services
from apps.providers.admin.forms import LanguageModelForm
from apps.providers.models import EmbeddingModel, LanguageModel


@admin.register(LanguageModel)
class LanguageModelAdmin(WorkspaceAdmin):
    """Every language model; what no service would accept is said beside its field."""

    form = LanguageModelForm
    list_display = ["__str__", "workspace", "provider_kind", "context_window", "tokenizer", "fallback", "state"]
    list_filter = ["workspace", "provider__kind", "is_active"]
    list_select_related = ["workspace", "provider", "fallback__provider"]
    search_fields = ["name", "provider__slug"]
    autocomplete_fields = ["provider", "fallback"]
    readonly_fields = ["id", "created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["provider", "name", "is_active", "fallback"]}),
        ("Tokens", {"fields": ["context_window", "max_output_tokens", "tokenizer"]}),
        (
            "Price",
            {
                "fields": ["input_price", "output_price"],
                "description": "USD per million tokens. Empty: the published price, if there is one.",
            },
        ),
        ("Settings", {"fields": ["settings", "script"]}),
        ("Record", {"fields": ["id", "created_at", "updated_at"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LanguageModel]:
        models: QuerySet[LanguageModel] = super().get_queryset(request)
        return models.select_related("workspace", "provider", "fallback__provider")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "provider"] if obj is not None else fields

    def save_model(self, request: HttpRequest, obj: LanguageModel, form: Any, change: bool) -> None:
        fields = {name: value for name, value in form.cleaned_data.items() if name != "provider"}
        if change:
            services.update_model(obj, **fields)
            return
        saved = services.create_model(obj.provider, **fields)
        obj.pk, obj._state.adding = saved.pk, False

    def delete_model(self, request: HttpRequest, obj: LanguageModel) -> None:
        services.delete_model(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self.for_each(request, queryset, services.delete_model, "removed")

    @admin.display(description="Kind")
    def provider_kind(self, model: LanguageModel) -> str:
        return str(model.provider.get_kind_display())

    @display(description="State", label={"on": "success", "off": "warning"})  # type: ignore[untyped-decorator]
    def state(self, model: LanguageModel) -> str:
        return "on" if model.is_active and model.provider.enabled else "off"


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(WorkspaceAdmin):
    """Embedding models; one is never changed, because stored vectors name it."""

    list_display = ["name", "kind", "workspace", "provider", "dimensions"]
    list_filter = ["workspace", "kind"]
    list_select_related = ["workspace", "provider"]
    search_fields = ["name"]
    autocomplete_fields = ["provider"]
    fields = ["provider", "name", "dimensions"]
    readonly_fields = ["id", "created_at"]

    def save_model(self, request: HttpRequest, obj: EmbeddingModel, form: Any, change: bool) -> None:
        saved = services.create_embedding_model(form.cleaned_data["provider"], name=obj.name, dimensions=obj.dimensions)
        obj.pk, obj._state.adding = saved.pk, False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if "provider" in form.base_fields:
            form.base_fields["provider"].required = True
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
