"""Workspaces and who is in them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.accounts import services
from apps.accounts.admin.base import CefAdmin
from apps.accounts.admin.inlines import UntitledInline
from apps.accounts.models import Membership, Workspace
from apps.accounts.permissions import Role


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A person and a role; the person of a membership stays."""

    class Meta:
        model = Membership
        fields = ["user", "role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].required = True
        self.fields["user"].disabled = self.instance.user_id is not None


class MembersInline(UntitledInline):
    """People only; service accounts have a page of their own."""

    model = Membership
    form = MembershipForm
    autocomplete_fields = ["user"]
    extra = 0
    verbose_name = "member"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        memberships: QuerySet[Membership] = super().get_queryset(request)
        return memberships.filter(user__isnull=False).select_related("user")


@admin.register(Workspace)
class WorkspacesAdmin(CefAdmin):
    """A workspace with its members; intake is paused from the list."""

    list_display = ["name", "slug", "members", "intake", "created_at"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "id", "created_at", "intake_paused_at"]
    readonly_fields = ["id", "created_at", "intake_paused_at"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembersInline]
    actions = ["pause", "resume"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        workspaces: QuerySet[Workspace] = super().get_queryset(request)
        return workspaces.annotate(member_count=Count("memberships"))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Members join, change and leave through the services, which keep an owner in the workspace."""
        formset.save(commit=False)
        for member in formset.new_objects:
            services.add_member(form.instance, email=member.user.email, role=Role(member.role))
        for member, _ in formset.changed_objects:
            services.change_role(member, role=Role(member.role))
        for member in formset.deleted_objects:
            services.remove_member(member)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Members")
    def members(self, workspace: Any) -> int:
        return int(workspace.member_count)

    @display(description="Intake", label={"open": "success", "paused": "warning"})  # type: ignore[untyped-decorator]
    def intake(self, workspace: Workspace) -> str:
        return "open" if workspace.intake_paused_at is None else "paused"

    @admin.action(description="Pause intake: refuse new runs, let running work go on", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self.for_each(request, queryset, services.pause_intake, "paused")

    @admin.action(description="Resume intake", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self.for_each(request, queryset, services.resume_intake, "resumed")
