"""Accepting many runs at once: all of them or none, in one transaction and a few queries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.agents.definition import AgentBundle
from apps.agents.selectors import resolve_version
from apps.core import canonical
from apps.core.copying import copy_in
from apps.core.exceptions import CefError, Conflict, Fault, InvalidInput, NotFound
from apps.runs.capacity import free_slots
from apps.runs.dispatch import doorbell
from apps.runs.exceptions import InvalidBatch
from apps.runs.models import Batch, Event, Run
from apps.runs.services.checks import require_intake, require_metadata
from apps.runs.services.drafting import draft_run, pinned_versions
from apps.runs.services.multitask import Lines
from apps.runs.services.request import NOBODY, Origin, RunRequest
from apps.runs.states import EventType
from apps.runs.turns import free_next

MAX_RUNS: Final = 1000

Pointing = Callable[[int, str], str]
"""From the number of a run, and a pointer into it, to the pointer into what the caller sent."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new batch, and its runs in the order in which they were asked for."""

    batch: Batch
    run_ids: tuple[UUID, ...]


def create_batch(
    workspace_id: UUID,
    requests: Sequence[RunRequest],
    *,
    metadata: Mapping[str, Any] | None = None,
    origin: Origin = NOBODY,
    pointing: Pointing = "/runs/{}{}".format,
) -> Accepted:
    """Accept up to 1,000 runs, or none. They exist once the surrounding transaction commits.

    Raises IntakePaused, InvalidRunInput for the metadata, and InvalidBatch with every fault of every run. Queries: some
    ten, one for each agent that is named, and more only for large inputs, attachments and mounted contexts. Workers are
    rung for at most once for each free slot.
    """
    require_intake(workspace_id)
    require_metadata(dict(metadata or {}))
    if not 1 <= len(requests) <= MAX_RUNS:
        raise InvalidBatch(f"A batch has 1 to {MAX_RUNS} runs, and this one {len(requests)}.")
    with transaction.atomic():
        runs = _Drafts(workspace_id, requests, origin, pointing).runs()
        batch = _new_batch(workspace_id, len(runs), metadata or {}, origin)
        for run in runs:
            run.batch = batch
        copy_in(runs)
        copy_in([_first_event(run, request) for run, request in zip(runs, requests, strict=True)])
        transaction.on_commit(lambda: _call(runs), robust=True)
    return Accepted(batch, tuple(run.id for run in runs))


class _Drafts:
    """The rows of a batch, and everything that is wrong with it."""

    def __init__(self, workspace_id: UUID, requests: Sequence[RunRequest], origin: Origin, pointing: Pointing) -> None:
        self._workspace_id, self._requests, self._origin, self._pointing = workspace_id, requests, origin, pointing
        self._versions: dict[str, AgentBundle | CefError] = {}
        self._pinned: dict[UUID, dict[str, int]] = {}
        self._lines = Lines(workspace_id, {request.thread_id for request in requests if request.thread_id is not None})
        self._faults: dict[Fault, None] = {}

    def runs(self) -> list[Run]:
        """The runs, in the order of the requests. Raises InvalidBatch."""
        drafts = [self._draft(n, request) for n, request in enumerate(self._requests)]
        if self._faults:
            count = f"{len(self._faults)} faults" if len(self._faults) > 1 else "a fault"
            raise InvalidBatch(f"The batch has {count}; none of its runs was accepted.", errors=list(self._faults))
        return [draft for draft in drafts if draft is not None]

    def _draft(self, n: int, request: RunRequest) -> Run | None:
        run = None
        with self._noting(n, "/agent"):
            version = self._version(request.agent)
            with self._noting(n, ""):
                run = draft_run(
                    self._workspace_id, request, version, origin=self._origin, pinned=self._pins(version.version_id)
                )
        if run is not None and run.thread_id is not None:
            with self._noting(n, "/thread_id"):
                place = self._lines.join(run.thread_id, run.id, request.strategy)
                run.held, run.id = place.held, place.ordered(run.id)
        return run

    def _version(self, agent: str) -> AgentBundle:
        if agent not in self._versions:
            try:
                self._versions[agent] = resolve_version(self._workspace_id, agent)
            except (NotFound, Conflict) as error:
                self._versions[agent] = error
        found = self._versions[agent]
        if isinstance(found, CefError):
            raise found
        return found

    def _pins(self, version_id: UUID) -> dict[str, int]:
        if version_id not in self._pinned:
            self._pinned[version_id] = pinned_versions(version_id)
        return self._pinned[version_id]

    @contextmanager
    def _noting(self, n: int, pointer: str) -> Iterator[None]:
        """Whatever is refused in this block is a fault of run `n`, at `pointer` unless it says where."""
        try:
            yield
        except (NotFound, Conflict, InvalidInput) as error:
            for fault in error.errors or [Fault("", error.code, error.message)]:
                place = self._pointing(n, fault.pointer or pointer)
                self._faults[Fault(place, fault.code, fault.detail)] = None


def _new_batch(workspace_id: UUID, total: int, metadata: Mapping[str, Any], origin: Origin) -> Batch:
    return Batch.objects.create(
        workspace_id=workspace_id,
        total=total,
        metadata=dict(metadata),
        created_by_kind=origin.kind,
        created_by_id=origin.id,
    )


def _first_event(run: Run, request: RunRequest) -> Event:
    data = {"agent": request.agent, "batch": str(run.batch_id)}
    return Event(run_id=run.id, seq=1, type=EventType.QUEUED, data=canonical.dump(data))


def _call(runs: Sequence[Run]) -> None:
    """Ring for as many as could begin now; workers that are rung for go on to the others by themselves."""
    for run in [run for run in runs if not run.held][: free_slots()]:
        if not doorbell.ring(run.id, many=True):
            break
    if any(run.held for run in runs):
        free_next(None)
