"""What nobody edits: rows that show what is stored."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import TabularInline


class Records:
    """Read only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordsInline(Records, TabularInline):  # type: ignore[misc]  # the library has no types
    """A page of rows below the form."""

    extra = 0
    per_page = 20
    tab = True
    show_change_link = False
