"""Cells of the lists."""

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.runs.admin import words
from apps.runs.models import Run, WorkerProcess


def worked(run: Run) -> str:
    """How long the run has been worked on."""
    if run.started_at is None:
        return "—"
    return words.duration((run.finished_at or timezone.now()) - run.started_at)


def tokens(run: Run) -> str:
    """Tokens in and out."""
    if not run.input_tokens and not run.output_tokens:
        return "—"
    return f"{words.count(run.input_tokens)} → {words.count(run.output_tokens)}"


def lease(worker: WorkerProcess) -> SafeString:
    """Whether the process may still hold runs."""
    alive = worker.expires_at > timezone.now()
    kind, word = ("succeeded", "alive") if alive else ("failed", "expired")
    return format_html('<span class="cef-chip cef-chip-{}">{}</span>', kind, word)
