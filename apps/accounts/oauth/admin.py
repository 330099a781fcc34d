"""OAuth clients in the admin, to look at; tokens and codes are nobody's to see."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from oauth2_provider.models import AccessToken, Application, Grant, IDToken, RefreshToken
from unfold.admin import ModelAdmin

admin.site.unregister([AccessToken, Application, Grant, IDToken, RefreshToken])


@admin.register(Application)
class ApplicationAdmin(ModelAdmin):  # type: ignore[misc]  # the library has no types
    """Who may ask people to sign in through this platform."""

    list_display = ["name", "client_id", "client_type", "authorization_grant_type", "created"]
    fields = [*list_display, "redirect_uris", "skip_authorization", "updated"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
