"""Providers in the admin: their credentials can be typed and never read, and one button asks whether they answer."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display

from apps.accounts.admin.base import WorkspaceAdmin
from apps.providers import services
from apps.providers.admin.forms import CREDENTIALS, ConnectionTestForm, ProviderForm
from apps.providers.models import Provider

_CHANGEABLE = ("name", "base_url", "settings", "requests_per_minute", "timeout_s", "enabled")


@admin.register(Provider)
class ProviderAdmin(WorkspaceAdmin):
    """Every provider of every workspace."""

    form = ProviderForm
    list_display = ["slug", "name", "kind", "workspace", "model_count", "stored_credentials", "state"]
    list_filter = ["workspace", "kind", "enabled"]
    search_fields = ["slug", "name", "base_url"]
    readonly_fields = ["id", "created_at", "updated_at", "stored_credentials"]
    actions_detail = ["test_connection"]
    fieldsets = [
        (None, {"fields": ["workspace", "slug", "kind", "name", "base_url", "enabled"]}),
        ("Limits", {"fields": ["timeout_s", "requests_per_minute", "settings"]}),
        (
            "Credentials",
            {
                "fields": ["stored_credentials", *CREDENTIALS],
                "description": "Stored encrypted and never shown. Leave empty to keep the stored ones. "
                "A base URL that names another server drops them.",
            },
        ),
        ("Record", {"fields": ["id", "created_at", "updated_at"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        providers: QuerySet[Provider] = super().get_queryset(request)
        return providers.annotate(models_known=Count("models"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "slug", "kind"] if obj is not None else fields

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        fields = {name: form.cleaned_data[name] for name in _CHANGEABLE}
        if change:
            saved = services.update_provider(obj, **fields)
        else:
            saved = services.create_provider(obj.workspace_id, slug=obj.slug, kind=obj.kind, **fields)
        if form.entered_credentials:
            services.set_credentials(saved, form.entered_credentials)
        obj.pk, obj._state.adding = saved.pk, False

    def delete_model(self, request: HttpRequest, obj: Provider) -> None:
        services.delete_provider(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        self.for_each(request, queryset, services.delete_provider, "removed")

    @admin.display(description="Models")
    def model_count(self, provider: Any) -> int:
        return int(provider.models_known)

    @admin.display(description="Stored credentials")
    def stored_credentials(self, provider: Provider) -> str:
        if not provider.credentials:
            return "none"
        return f"…{provider.credentials_hint} (fingerprint {provider.credentials_fingerprint})"

    @display(description="State", label={"on": "success", "off": "warning"})  # type: ignore[untyped-decorator]
    def state(self, provider: Provider) -> str:
        return "on" if provider.enabled else "off"

    @action(  # type: ignore[untyped-decorator]
        description="Test connection",
        icon="network_check",
        url_path="test-connection",
        permissions=["change"],
        dialog=ActionDialog(
            title="Test connection",
            description="Sends one small request and waits ten seconds at most.",
            form_class=ConnectionTestForm,
            form_submit_text="Send",
        ),
    )
    def test_connection(self, request: HttpRequest, form: ConnectionTestForm, object_id: str) -> HttpResponse:
        provider = Provider.objects.get(pk=object_id)
        report = services.test_connection(provider, form.cleaned_data["model"])
        level = messages.SUCCESS if report.ok else messages.ERROR
        self.message_user(request, f"{report.detail} ({report.code}, {report.latency_ms} ms)", level)
        # The dialog posts in the background; this header makes the page itself go on.
        page = reverse("admin:providers_provider_change", args=[object_id])
        return HttpResponse(status=204, headers={"HX-Redirect": page})
