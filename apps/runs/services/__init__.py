"""Every write to a run; the same functions serve REST, the admin, the command line, workers and your own code."""

from apps.runs.services.batch import create_batch
from apps.runs.services.bulk_cancel import cancel_runs
from apps.runs.services.cancel import cancel_run
from apps.runs.services.create import create_run
from apps.runs.services.effects import EffectDecision, resolve_effect
from apps.runs.services.erase import erase_run
from apps.runs.services.fork import fork_thread
from apps.runs.services.request import Attachment, Origin, RunRequest
from apps.runs.services.rerun import rerun
from apps.runs.services.resume import resume_run
from apps.runs.services.threads import create_thread
from apps.runs.services.waits_deciding import Word, decide_wait
from apps.runs.services.waits_events import resolve_event

__all__ = [
    "Attachment",
    "EffectDecision",
    "Origin",
    "RunRequest",
    "Word",
    "cancel_run",
    "cancel_runs",
    "create_batch",
    "create_run",
    "create_thread",
    "decide_wait",
    "erase_run",
    "fork_thread",
    "rerun",
    "resolve_effect",
    "resolve_event",
    "resume_run",
]
