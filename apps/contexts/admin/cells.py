"""Cells of the lists: chips, bars, links."""

from typing import Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.contexts.documents.selectors import ended, eta_s, rate_per_s
from apps.contexts.models import Entry, IngestJob
from apps.contexts.states import DocumentState, ItemState, JobState

DOCUMENT_LABELS: Final = {
    DocumentState.PENDING: "info",
    DocumentState.READY: "success",
    DocumentState.FAILED: "danger",
}
ITEM_LABELS: Final = {
    ItemState.PENDING: "info",
    ItemState.RUNNING: "info",
    ItemState.DONE: "success",
    ItemState.SKIPPED: "warning",
    ItemState.FAILED: "danger",
}
JOB_LABELS: Final = {JobState.QUEUED: "info", JobState.RUNNING: "info", JobState.FINISHED: "success"}

_BAR: Final = (
    '<div class="flex items-center gap-2"><progress class="w-32" max="{total}" value="{value}"'
    ' aria-label="{value} of {total} documents"></progress><span class="tabular-nums">{value} / {total}</span></div>'
)


def bar(job: IngestJob) -> SafeString:
    """How far the job is."""
    return format_html(_BAR, total=job.total, value=ended(job))


def pace(job: IngestJob) -> str:
    """Documents a second, and how long it will take while it runs."""
    rate, left = rate_per_s(job), eta_s(job)
    if rate is None:
        return "—"
    return f"{rate:.1f}/s, {left:.0f} s to go" if left else f"{rate:.1f}/s"


def entry_link(entry: Entry) -> SafeString:
    """The key, leading to the entry's page."""
    url = reverse("admin:contexts_entry_change", args=[entry.pk])
    return format_html('<a href="{}" class="font-semibold">{}</a>', url, entry.key)


def indented(path: str) -> SafeString:
    """A path as a branch of the tree: indented by its depth, its last name strong."""
    above, _, name = path.rpartition("/")
    depth = path.count("/")
    return format_html(
        '<span style="padding-left: {}rem"><span class="opacity-60">{}</span><strong>{}</strong></span>',
        depth * 1.25,
        f"{above}/" if above else "",
        name,
    )
