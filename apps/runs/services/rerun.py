"""Running a run again from one of its model calls, with what was recorded before it."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.agents.models import AgentVersion
from apps.agents.selectors import require_active, version_bundle, version_numbered
from apps.core import canonical
from apps.core.exceptions import Fault
from apps.runs import payloads
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import InvalidRerun, RunNotFound
from apps.runs.limits import Limits
from apps.runs.models import Event, Run, Step, Thread
from apps.runs.rerun_statements import REUSE_SNAPSHOTS, REUSE_STEPS
from apps.runs.selectors import get_run
from apps.runs.services.checks import encoded_input, require_intake, require_limits, require_payloads
from apps.runs.services.drafting import pinned_versions
from apps.runs.services.fork import fork_before
from apps.runs.services.request import NOBODY, Origin
from apps.runs.services.waits_copying import copy_waits
from apps.runs.states import EventType, StepKind
from apps.runs.transcript import run_step

SAME: Final = object()
"""The original's input, which may be any JSON value."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a rerun does otherwise than its original; `agent_version` is a number of the same agent."""

    input: Any = SAME
    agent_version: int | None = None
    limits: Limits | None = None


def rerun(
    workspace_id: UUID, run_id: UUID, *, from_step: int, changes: Changes | None = None, origin: Origin = NOBODY
) -> Run:
    """A new run that reuses the original's recorded steps before `from_step` and runs the rest.

    Raises IntakePaused, RunNotFound, PayloadsRemoved, AgentVersionNotFound, AgentArchived, InvalidRunInput, and
    InvalidRerun when a rerun cannot begin there (its details list where it can), or would change what reused steps rest
    on.
    """
    changes = changes or Changes()
    require_intake(workspace_id)
    original = get_run(workspace_id, run_id)
    require_active(original.agent)
    before = _require_start(original, from_step)
    version = _version(original, changes)
    if before is not None:
        _require_compatible(original, version, changes, from_step)
    with transaction.atomic():
        _hold(original)
        run = _draft(original, version, changes, origin)
        run.rerun_of, run.rerun_from = original, from_step
        run.step_count = from_step - 1
        run.save(force_insert=True)
        _reuse(original, run, from_step, before)
        told = {"agent": original.agent.slug, "rerun_of": str(original.id), "rerun_from": from_step}
        Event.objects.create(run_id=run.id, seq=1, type=EventType.QUEUED, data=canonical.dump(told))
        transaction.on_commit(lambda: doorbell.ring(run.id), robust=True)
    return run


def _hold(original: Run) -> None:
    """Neither erased nor emptied by retention until the copy is made."""
    if Run.objects.select_for_update(no_key=True).filter(id=original.id).values_list("id").first() is None:
        raise RunNotFound
    require_payloads(original)


def _require_start(original: Run, from_step: int) -> int | None:
    """The loop's step at which the rerun begins; None from the beginning."""
    calls = Step.objects.filter(run_id=original.id, kind=StepKind.MODEL).order_by("n").values_list("n", "key")
    starts = dict(calls)
    if from_step == 1:
        return None
    if from_step not in starts:
        valid = sorted({1, *starts})
        detail = f"A rerun begins at a model call: at step {', '.join(map(str, valid))}."
        raise _refusal("/from_step", "not_a_model_call", detail, valid_steps=valid)
    return run_step(starts[from_step])


def _version(original: Run, changes: Changes) -> AgentVersion:
    if changes.agent_version is None:
        return original.agent_version
    return version_numbered(original.agent, changes.agent_version)


def _require_compatible(original: Run, version: AgentVersion, changes: Changes, from_step: int) -> None:
    """Reused steps answered the original's input, and called its tools."""
    if changes.input is not SAME:
        raise _refusal("/input", "reused", "The reused steps answer the original's input; change it from step 1.")
    if version.id == original.agent_version_id:
        return
    bundle, old = version_bundle(version.id), version_bundle(original.agent_version_id)
    reused = Step.objects.filter(run_id=original.id, kind=StepKind.TOOL, n__lt=from_step)
    missing = set(reused.values_list("name", flat=True)) - {tool.name for tool in bundle.tools}
    if missing:
        raise _refusal(
            "/agent_version", "reused", f"That version has no tool {min(missing)}, which a reused step calls."
        )
    if bundle.output_schema != old.output_schema:
        raise _refusal("/agent_version", "reused", "That version answers in another form; rerun it from step 1.")


def _draft(original: Run, version: AgentVersion, changes: Changes, origin: Origin) -> Run:
    same = version.id == original.agent_version_id
    limits = original.limits if same else version.limits
    if changes.limits is not None:
        require_limits(changes.limits)
        limits = Limits.of(version.limits).tightened_by(changes.limits).stored()
    thread = Thread.objects.filter(id=original.thread_id).first() if original.thread_id else None
    return Run(
        workspace_id=original.workspace_id,
        agent_id=original.agent_id,
        agent_version=version,
        thread=fork_before(original, thread) if thread else None,
        streaming=original.streaming,
        input=_input(original, changes),
        attachments=original.attachments,
        limits=limits,
        metadata=original.metadata,
        context_versions=original.context_versions if same else pinned_versions(version.id) | original.context_versions,
        event_seq=1,
        created_by_kind=origin.kind,
        created_by_id=origin.id,
        api_key_id=origin.api_key_id,
        request_id=origin.request_id,
    )


def _input(original: Run, changes: Changes) -> bytes:
    """Written anew, so that it stays when the original is erased."""
    workspace_id = original.workspace_id
    if changes.input is SAME:
        return payloads.store(workspace_id, payloads.read(workspace_id, original.input), "input")
    return payloads.store(workspace_id, encoded_input(changes.input), "input")


def _reuse(original: Run, run: Run, from_step: int, before: int | None) -> None:
    if before is None:
        return
    row: dict[str, Any] = {"source": original.id, "target": run.id, "before": from_step}
    with connection.cursor() as cursor:
        cursor.execute(REUSE_STEPS, row)
        cursor.execute(REUSE_SNAPSHOTS, row)
    copy_waits(original.id, run, before=before)


def _refusal(pointer: str, code: str, detail: str, **details: Any) -> InvalidRerun:
    return InvalidRerun(detail, errors=[Fault(pointer, code, detail)], **details)
