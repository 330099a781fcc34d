"""Tools in the admin: what is registered, to look at."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.decorators import display

from apps.accounts.admin.base import CefAdmin
from apps.tools.effects import Effect
from apps.tools.models import Tool, ToolVersion
from apps.tools.selectors import newest

_EFFECT_COLOURS = {Effect.READ_ONLY.label: "success", Effect.IDEMPOTENT.label: "info", Effect.UNSAFE.label: "warning"}


class ReadOnly:
    """Tools come from code; nobody edits them here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class VersionsInline(ReadOnly, StackedInline):  # type: ignore[misc]  # the library has no types
    """Each version with its contract."""

    model = ToolVersion
    extra = 0
    fields = ["description", ("effect", "timeout_s"), ("source", "available"), "arguments", "result", "configuration"]
    readonly_fields = ["available", "arguments", "result", "configuration"]

    @admin.display(description="Available")
    def available(self, row: ToolVersion) -> str:
        return "yes" if row.is_available else row.unavailable_reason

    @admin.display(description="Arguments")
    def arguments(self, row: ToolVersion) -> SafeString:
        return pretty(row.input_schema)

    @admin.display(description="Result")
    def result(self, row: ToolVersion) -> SafeString:
        return pretty(row.output_schema)

    @admin.display(description="Configuration")
    def configuration(self, row: ToolVersion) -> SafeString:
        return pretty(row.config_schema)


@admin.register(Tool)
class ToolAdmin(ReadOnly, CefAdmin):
    """Registered tools, shown by the version that an agent gets when it asks for none."""

    list_display = ["name", "version", "effect", "available", "purpose"]
    search_fields = ["name", "versions__description"]
    fields = ["name", "workspace", "id", "created_at"]
    inlines = [VersionsInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tool]:
        rows: QuerySet[Tool] = super().get_queryset(request)
        return rows.prefetch_related("versions")

    @admin.display(description="Version")
    def version(self, tool: Tool) -> str:
        return newest(tool.versions.all()).version

    @display(description="Effect", label=_EFFECT_COLOURS)  # type: ignore[untyped-decorator]
    def effect(self, tool: Tool) -> str:
        return str(Effect(newest(tool.versions.all()).effect).label)

    @display(description="Available", boolean=True)  # type: ignore[untyped-decorator]
    def available(self, tool: Tool) -> bool:
        return newest(tool.versions.all()).is_available

    @admin.display(description="What the model is told")
    def purpose(self, tool: Tool) -> str:
        return newest(tool.versions.all()).description.partition("\n")[0]


def pretty(schema: dict[str, Any] | None) -> SafeString:
    """A schema as people read it."""
    if schema is None:
        return format_html("<em>{}</em>", "any JSON")
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-auto text-xs whitespace-pre-wrap">{}</pre>', text)
