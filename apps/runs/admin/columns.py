"""Cells of the list of runs."""

from django.utils import timezone

from apps.runs.admin import words
from apps.runs.models import Run


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
