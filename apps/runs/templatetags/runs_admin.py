"""Status chips and times as the admin shows them, in templates and in lists."""

from datetime import datetime, timedelta
from typing import Final

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from apps.runs.states import RunStatus

register = template.Library()

ICONS: Final = {
    RunStatus.QUEUED: "schedule",
    RunStatus.RUNNING: "play_circle",
    RunStatus.WAITING: "pause_circle",
    RunStatus.SUCCEEDED: "check_circle",
    RunStatus.FAILED: "error",
    RunStatus.CANCELLED: "cancel",
}


@register.simple_tag
def status_chip(status: str) -> SafeString:
    """A run's status by colour, picture and word."""
    icon = format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', ICONS[RunStatus(status)])
    return format_html('<span class="cef-chip cef-chip-{}">{}{}</span>', status, icon, status)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """`3 minutes ago`, with the moment on hover."""
    if moment is None:
        return "—"
    now = timezone.now()
    spoken = "just now" if now - moment < timedelta(minutes=1) else f"{timesince(moment, now, depth=1)} ago"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), _clock(moment), spoken)


@register.simple_tag
def exact(moment: datetime | None) -> SafeString | str:
    """The moment to the millisecond."""
    if moment is None:
        return "—"
    return format_html('<time datetime="{}" class="cef-exact">{}</time>', moment.isoformat(), _clock(moment))


def _clock(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'Y-m-d H:i:s')}.{local.microsecond // 1000:03d} {date_format(local, 'e')}"
