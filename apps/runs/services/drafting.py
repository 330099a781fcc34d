"""The row of a new run, frozen as everything is at this moment."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apps.agents.definition import AgentBundle
from apps.agents.selectors import version_bundle
from apps.contexts.selectors import head_versions
from apps.core import blobs
from apps.runs import payloads
from apps.runs.limits import Limits
from apps.runs.models import Run
from apps.runs.services.checks import encoded_input, require_limits, require_metadata
from apps.runs.services.request import Attachment, Origin, RunRequest


def draft_run(
    workspace_id: UUID,
    request: RunRequest,
    version: AgentBundle,
    *,
    origin: Origin,
    pinned: Mapping[str, int] | None = None,
) -> Run:
    """A queued run that is not saved yet; large payloads and attachments are, in the caller's transaction.

    `pinned` are the versions of its contexts, looked up unless given. Raises InvalidRunInput.
    """
    require_metadata(request.metadata)
    require_limits(request.limits)
    return Run(
        workspace_id=workspace_id,
        agent_id=version.agent_id,
        agent_version_id=version.version_id,
        thread_id=request.thread_id,
        streaming=version.streaming if request.streaming is None else request.streaming,
        input=payloads.store(workspace_id, encoded_input(request.input), "input"),
        attachments=_stored(workspace_id, request.attachments),
        limits=Limits.of(version.limits).tightened_by(request.limits).stored(),
        metadata=request.metadata,
        context_versions=dict(pinned_versions(version.version_id) if pinned is None else pinned),
        event_seq=1,
        created_by_kind=origin.kind,
        created_by_id=origin.id,
        api_key_id=origin.api_key_id,
        request_id=origin.request_id,
    )


def pinned_versions(version_id: UUID) -> dict[str, int]:
    """The versions at which a run reads its mounted contexts and their ancestors, whatever is written meanwhile."""
    mounts = version_bundle(version_id).mounts
    if not mounts:
        return {}
    versions = head_versions(mount.context_id for mount in mounts)
    versions |= {mount.context_id: mount.version for mount in mounts if mount.version is not None}
    return {str(context_id): number for context_id, number in versions.items()}


def _stored(workspace_id: UUID, attachments: tuple[Attachment, ...]) -> list[dict[str, Any]]:
    digests = blobs.store_many(workspace_id, [attachment.data for attachment in attachments])
    return [
        {"name": file.name, "media_type": file.media_type, "size": len(file.data), "digest": digest.hex()}
        for file, digest in zip(attachments, digests, strict=True)
    ]
