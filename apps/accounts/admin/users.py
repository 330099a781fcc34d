"""People."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.accounts.admin.inlines import UntitledInline
from apps.accounts.models import Membership, User


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # the library has no types
    """E-mail and password, or no password: whoever has none cannot sign in."""

    class Meta:
        model = User
        fields = ["email"]


class MembershipsInline(UntitledInline):
    """The workspaces of the person, to look at; they are changed on the workspace's page."""

    model = Membership
    fields = ["workspace", "role", "created_at"]
    readonly_fields = fields
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # the library has no types
    """Who may sign in; accounts are deactivated and not deleted."""

    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    search_fields = ["email", "name"]
    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    readonly_fields = ["id", "last_login", "created_at"]
    fieldsets = (
        (None, {"fields": ["email", "name", "password", "is_active"]}),
        ("Platform", {"fields": ["is_staff", "is_superuser", "groups", "user_permissions"], "classes": ["collapse"]}),
        ("Record", {"fields": ["id", "last_login", "created_at"]}),
    )
    add_fieldsets = ((None, {"classes": ["wide"], "fields": ["email", "usable_password", "password1", "password2"]}),)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[type[TabularInline]]:
        return [] if obj is None else [MembershipsInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
