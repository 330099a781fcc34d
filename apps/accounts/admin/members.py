"""Memberships to look at, and service accounts to make."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from apps.accounts import services
from apps.accounts.admin.base import WorkspaceAdmin
from apps.accounts.models import ROLE_CHOICES, Membership, ServiceAccount
from apps.accounts.permissions import Role


@admin.register(Membership)
class MembershipAdmin(WorkspaceAdmin):
    """Who has which role where; people are added on the workspace's page."""

    list_display = ["holder", "workspace", "role", "created_at"]
    list_filter = ["workspace", "role"]
    list_select_related = ["workspace", "user", "service_account"]
    search_fields = ["user__email", "user__name", "service_account__name"]
    fields = ["workspace", "user", "service_account", "role", "id", "created_at"]
    readonly_fields = ["workspace", "user", "service_account", "id", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        # The list has its own joins; the choice of a key's owner has not.
        memberships: QuerySet[Membership] = super().get_queryset(request)
        return memberships.select_related(*self.list_select_related)

    @admin.display(description="Member")
    def holder(self, membership: Membership) -> str:
        return str(membership.user or membership.service_account)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Membership], search_term: str
    ) -> tuple[QuerySet[Membership], bool]:
        """For the choice of a key's owner too, where inactive people are of no use."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        return found.filter(Q(user__isnull=True) | Q(user__is_active=True)), duplicates

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        services.change_role(obj, role=Role(obj.role))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.remove_member(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        self.for_each(request, queryset, services.remove_member, "removed")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class ServiceAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The account with the role of its membership."""

    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.OPERATOR, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = ServiceAccount
        fields = ["workspace", "name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["role"].initial = self.instance.membership.role


@admin.register(ServiceAccount)
class ServiceAccountAdmin(WorkspaceAdmin):
    """Programs that act in a workspace; their keys are made under API keys."""

    form = ServiceAccountForm
    list_display = ["name", "workspace", "role", "created_at"]
    list_select_related = ["workspace", "membership"]
    search_fields = ["name"]
    fields = ["workspace", "name", "role", "id", "created_at"]

    @admin.display(description="Role")
    def role(self, account: ServiceAccount) -> str:
        return account.membership.get_role_display()

    def save_model(self, request: HttpRequest, obj: ServiceAccount, form: Any, change: bool) -> None:
        role = Role(form.cleaned_data["role"])
        if change:
            super().save_model(request, obj, form, change)
            services.change_role(obj.membership, role=role)
        else:
            obj.pk = services.create_service_account(obj.workspace, name=obj.name, role=role).pk
            obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: ServiceAccount) -> None:
        services.remove_member(obj.membership)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ServiceAccount]) -> None:
        memberships = Membership.objects.filter(service_account__in=queryset)
        self.for_each(request, memberships, services.remove_member, "removed")
