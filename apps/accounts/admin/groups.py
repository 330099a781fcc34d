"""Django's groups: kept for who gives staff their rights by group, and out of everybody else's sight."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.admin import ModelAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # the library has no types
    """Reached from a user's page."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False
