"""Cells of the lists."""

from typing import Any, Final

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.runs.admin import words
from apps.runs.models import Effect, Run, WorkerProcess
from apps.runs.states import EffectState


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


_ENDINGS: Final = {
    EffectState.COMMITTED: "succeeded",
    EffectState.RECONCILED: "succeeded",
    EffectState.OUTCOME_UNKNOWN: "waiting",
    EffectState.INTENT: "running",
    EffectState.FAILED: "failed",
}


def ending(effect: Effect) -> SafeString:
    """The state of a line of the ledger, and whether somebody must decide about it."""
    undecided = effect.state == EffectState.OUTCOME_UNKNOWN and effect.settled_at is None
    word = f"{effect.state.replace('_', ' ')}{': decide' if undecided else ''}"
    return format_html('<span class="cef-chip cef-chip-{}">{}</span>', _ENDINGS[EffectState(effect.state)], word)


def payload(value: Any) -> SafeString | str:
    """A JSON value in readable form; a dash for none."""
    if value is None:
        return "—"
    return format_html('<pre class="cef-json">{}</pre>', words.shown_value(value, 0).text)


def lease(worker: WorkerProcess) -> SafeString:
    """Whether the process may still hold runs."""
    alive = worker.expires_at > timezone.now()
    kind, word = ("succeeded", "alive") if alive else ("failed", "expired")
    return format_html('<span class="cef-chip cef-chip-{}">{}</span>', kind, word)
