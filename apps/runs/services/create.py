"""Accepting a run: from the caller's words to a committed row that no crash can lose."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.selectors import intake_pause
from apps.agents.models import AgentVersion
from apps.agents.selectors import resolve_version, version_bundle
from apps.contexts.selectors import head_versions
from apps.core import blobs, canonical
from apps.runs import payloads
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import IntakePaused, ThreadBusy
from apps.runs.limits import Limits
from apps.runs.models import Event, Run
from apps.runs.services.checks import encoded_input, require_limits, require_metadata
from apps.runs.services.multitask import take_place
from apps.runs.services.request import NOBODY, Attachment, Origin, RunRequest
from apps.runs.states import EventType
from apps.runs.turns import free_next

INTAKE_RETRY_SECONDS = 30.0


def create_run(workspace_id: UUID, request: RunRequest, *, origin: Origin = NOBODY) -> Run:
    """Accept a run. It exists once the surrounding transaction commits; the doorbell rings only then.

    Raises IntakePaused, NotFound (agent, version, thread), ThreadBusy, EffectCommitted and InvalidRunInput; nothing is
    written then.
    Queries: two reads and two inserts, and more only for a thread, attachments or mounted contexts.
    """
    if intake_pause(workspace_id) is not None:
        raise IntakePaused(retry_after=INTAKE_RETRY_SECONDS)
    version = resolve_version(workspace_id, request.agent)
    require_metadata(request.metadata)
    require_limits(request.limits)
    with transaction.atomic():
        run = _new_run(workspace_id, request, version, origin)
        _join_thread(run, request, origin)
        _insert(run)
        Event.objects.create(run_id=run.id, seq=1, type=EventType.QUEUED, data=canonical.dump({"agent": request.agent}))
        transaction.on_commit(partial(_call, run), robust=True)
    return run


def _join_thread(run: Run, request: RunRequest, origin: Origin) -> None:
    if run.thread_id is None:
        return
    place = take_place(run.workspace_id, run.thread_id, request.strategy, origin=origin)
    run.held, run.id = place.held, place.ordered(run.id)


def _call(run: Run) -> None:
    """Tell a worker; a held run is told of when the one before it has ended, which may be the case by now."""
    if run.held and run.thread_id is not None:
        free_next(run.thread_id)
    else:
        doorbell.ring(run.id)


def _new_run(workspace_id: UUID, request: RunRequest, version: AgentVersion, origin: Origin) -> Run:
    return Run(
        workspace_id=workspace_id,
        agent_id=version.agent_id,
        agent_version=version,
        thread_id=request.thread_id,
        streaming=version.streaming if request.streaming is None else request.streaming,
        input=payloads.store(workspace_id, encoded_input(request.input), "input"),
        attachments=[_stored(workspace_id, attachment) for attachment in request.attachments],
        limits=Limits.of(version.limits).tightened_by(request.limits).stored(),
        metadata=request.metadata,
        context_versions=_pinned(version.id),
        event_seq=1,
        created_by_kind=origin.kind,
        created_by_id=origin.id,
        api_key_id=origin.api_key_id,
        request_id=origin.request_id,
    )


def _pinned(version_id: UUID) -> dict[str, int]:
    """The versions at which the run reads its mounted contexts and their ancestors, whatever is written meanwhile."""
    mounts = version_bundle(version_id).mounts
    if not mounts:
        return {}
    versions = head_versions(mount.context_id for mount in mounts)
    versions |= {mount.context_id: mount.version for mount in mounts if mount.version is not None}
    return {str(context_id): number for context_id, number in versions.items()}


def _stored(workspace_id: UUID, attachment: Attachment) -> dict[str, Any]:
    digest = blobs.store(workspace_id, attachment.data)
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": len(attachment.data),
        "digest": digest.hex(),
    }


def _insert(run: Run) -> None:
    """The partial unique index over a thread's unfinished runs decides who is first, whatever was read before."""
    try:
        with transaction.atomic(savepoint=run.thread_id is not None):
            run.save(force_insert=True)
    except IntegrityError as error:
        if "one_active_run_per_thread" in str(error):
            raise ThreadBusy(thread_id=str(run.thread_id)) from error
        raise
