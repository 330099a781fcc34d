"""One entry as one version wrote it, with its content."""

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts.admin.base import WorkspaceAdmin
from apps.contexts.admin.records import Records
from apps.contexts.kinds import ContentType
from apps.contexts.models import FOREVER, Entry
from apps.contexts.selectors import entry_content

_SHOWN_CHARACTERS = 100_000


@admin.register(Entry)
class EntryAdmin(Records, WorkspaceAdmin):
    """Entries are read here; writing is a commit to their context."""

    list_display = ["key", "context", "kind", "source", "valid_from", "is_current"]
    list_filter = ["workspace", "kind", "source"]
    list_select_related = ["context"]
    search_fields = ["key", "context__path"]
    ordering = ["-id"]
    show_full_result_count = False
    fields = [
        "context",
        "key",
        "title",
        "content",
        "summary",
        "kind",
        "source",
        "content_type",
        "pinned",
        "priority",
        "trust",
        "expires_at",
        "tokens",
        "provenance",
        "valid_from",
        "is_current",
        "created_at",
    ]
    readonly_fields = ["content", "is_current"]

    @admin.display(description="Content")
    def content(self, entry: Entry) -> SafeString:
        value = entry_content(entry)
        is_json = entry.content_type == ContentType.JSON
        text = json.dumps(value, indent=2, ensure_ascii=False) if is_json else value
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text[:_SHOWN_CHARACTERS])

    @admin.display(description="At head", boolean=True)
    def is_current(self, entry: Entry) -> bool:
        return entry.valid_to == FOREVER
