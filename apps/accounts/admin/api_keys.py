"""API keys: made here, shown once, revoked; never changed."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from apps.accounts import services
from apps.accounts.admin.base import CefAdmin
from apps.accounts.models import SCOPE_CHOICES, ApiKey
from apps.accounts.permissions import Permission
from apps.accounts.services.api_keys import DEFAULT_LIFETIME, MAX_LIFETIME


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Whose key, what it may do, and for how long."""

    scopes = forms.MultipleChoiceField(
        choices=SCOPE_CHOICES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Without a choice the key may do all that its owner's role may.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=MAX_LIFETIME.days,
        initial=DEFAULT_LIFETIME.days,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long it is valid.",
    )

    class Meta:
        model = ApiKey
        fields = ["membership", "name"]


_WHEN = ["created_at", "expires_at", "last_used_at", "revoked_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(CefAdmin):
    """What is left of a key once it was shown: whose it is, what it may do, when it was used, when it ends."""

    form = ApiKeyForm
    list_display = ["name", "id", "owner", "workspace", "standing", "last_used_at", "expires_at"]
    list_filter = ["membership__workspace"]
    list_select_related = ["membership__workspace", "membership__user", "membership__service_account"]
    search_fields = ["id", "name", "membership__user__email", "membership__service_account__name"]
    autocomplete_fields = ["membership"]
    ordering = ["-created_at"]
    actions = ["revoke"]
    fields = [
        "id",
        "name",
        "membership",
        "scopes",
        "standing",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return ["membership", "name", "scopes", "days"] if obj is None else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return [] if obj is None else list(self.fields)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        scopes = [Permission(scope) for scope in form.cleaned_data["scopes"]] or None
        lifetime = timedelta(days=form.cleaned_data["days"])
        issued = services.create_api_key(obj.membership, name=obj.name, scopes=scopes, lifetime=lifetime)
        obj.pk = issued.key.pk
        self.message_user(request, f"Copy the key now, it is not shown again: {issued.text}", messages.WARNING)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the visitor may end keys."""
        return bool(request.user.has_perm("accounts.change_apikey"))

    @admin.display(description="Owner")
    def owner(self, key: ApiKey) -> str:
        return str(key.membership.user or key.membership.service_account)

    @admin.display(description="Workspace")
    def workspace(self, key: ApiKey) -> str:
        return str(key.membership.workspace)

    @display(description="State", label={"valid": "success", "expired": "warning", "revoked": "danger"})  # type: ignore[untyped-decorator]
    def standing(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "valid" if key.expires_at > timezone.now() else "expired"

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self.for_each(request, queryset, services.revoke_api_key, "revoked")
